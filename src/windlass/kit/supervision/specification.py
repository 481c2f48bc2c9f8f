"""What to supervise, in words of a process."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Restart(StrEnum):
    """What happens when the process ends by itself."""

    NEVER = "never"
    """The directory is one start, for good."""
    ALWAYS = "always"
    """It is started again after a delay that doubles with each quick failure."""


@dataclass(frozen=True, slots=True)
class User:
    """Who the process runs as; only root can ask for another user than its own."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Probe:
    """A readiness probe; seconds and counts as in Kubernetes.

    Any status from 200 to 399 is a success; redirects are not followed and certificates not
    verified. Until its first success, after the initial delay, it runs every 50 ms.
    """

    path: str | None = "/"
    """None: it is enough that the process listens."""
    port: int | None = None
    """None: the one that requests go to."""
    scheme: str = "HTTP"
    """`HTTP` or `HTTPS`."""
    initial_delay_seconds: float = 0
    period_seconds: float = 10
    timeout_seconds: float = 1
    success_threshold: int = 1
    failure_threshold: int = 3


@dataclass(frozen=True, slots=True)
class Container:
    """A container of an engine that speaks the Docker API on this machine."""

    socket: str
    """The path of the engine's Unix socket."""
    name: str
    """What it is found by; no other container ever had it."""
    creation: Mapping[str, Any]
    """The body of the request that creates it. It must have no terminal, and a log that the engine
    gives back."""
    port: int | None = None
    """The port it listens on in its own network, mapped to the specification's `port`; None: it has
    the machine's network, and listens on that one itself."""


@dataclass(frozen=True, slots=True)
class Specification:
    """One supervised process or container."""

    id: str
    """What notifications carry."""
    argv: tuple[str, ...] = ()
    """The first word is the path of the program, unless `program` is."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """All of it: nothing is inherited."""
    working_directory: str = "/"
    container: Container | None = None
    """What is run instead of a process. It is never restarted, and everything about the start of a
    process is left out of account."""
    program: str | None = None
    """The path of what is executed, where it is not the first word; nothing is searched for."""
    user: User | None = None
    restart: Restart = Restart.NEVER
    restart_delay_seconds: float = 1.0
    """The first delay; it doubles to the maximum, and starts anew after a run of that length."""
    restart_delay_maximum_seconds: float = 60.0
    stop_grace_seconds: float = 10.0
    """For a SIGTERM sent to the supervisor; `stop` gives its own."""
    port: int | None = None
    """The loopback TCP port it must itself listen on to be ready; None: ready once started."""
    probe: Probe | None = None
    """Asked on `port`; None: listening is enough."""
    log_file_bytes: int = 10 * 1024 * 1024
    log_files: int = 5
    control_groups: tuple[str, ...] = ()
    """Existing cgroup directories, of version 1 or 2, that the process joins. They are removed once
    it has ended for good."""
    sampled_memory_bytes: int | None = None
    """When set, the supervisor kills a process tree whose memory exceeds it."""
    notify: str | None = None
    """A Unix datagram address that gets the id at every change; `@…` is an abstract one."""
    notify_ready: str | None = None
    """Another, that gets it whenever the process becomes ready."""
    mark: str | None = None
    """`NAME=value` in the environment that no other process has: what is left when a supervisor
    was killed is also found by it."""
    holds_secrets: bool = False
    """Whether the file must not keep environment, arguments and the container's creation once they
    were read. Not for what is restarted."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Whatever the launcher wants to read back."""

    def to_json(self) -> dict[str, Any]:
        """The object stored as `specification.json`, which the supervisor reads."""
        return asdict(self)
