"""How an operator wants containers to be run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

AUTOMATIC = "auto"
NO_ENGINE = "none"
HOST_NETWORK = "host"
_PREFIX = "unix://"


@dataclass(frozen=True, slots=True)
class Ulimit:
    """A resource limit of every container, as setrlimit(2) has it; -1 is unlimited."""

    name: str
    soft: int
    hard: int

    @classmethod
    def parse(cls, text: str) -> "Ulimit":
        """Read `NAME=SOFT:HARD` or `NAME=BOTH`. Raises ValueError."""
        name, separator, value = text.partition("=")
        soft, _, hard = value.partition(":")
        try:
            limits = int(soft), int(hard or soft)
        except ValueError:
            limits = -2, -2
        if not separator or not name.islower() or min(limits) < -1:
            raise ValueError(
                f"--container-ulimit {text!r} is not NAME=SOFT:HARD, such as nofile=1024:4096"
            )
        return cls(name, *limits)


@dataclass(frozen=True, slots=True)
class ContainerSettings:
    """What `windlass up` was told about containers."""

    engine: str = NO_ENGINE
    """`auto`, `none`, or `unix://` and the path of a socket."""
    usual_places: Sequence[Path] = ()
    """Sockets to look for where the engine is `auto`, the best first."""
    runtime: str | None = None
    network: str | None = None
    ulimits: Sequence[Ulimit] = ()
    pids_limit: int | None = None
    registry_auth: Path | None = None

    @property
    def sockets(self) -> Sequence[Path]:
        """Where an engine may be. Raises ValueError for an address that cannot be used."""
        if self.engine == NO_ENGINE:
            return ()
        if self.engine == AUTOMATIC:
            return self.usual_places
        path = self.engine.removeprefix(_PREFIX)
        if not path.startswith("/"):
            raise ValueError(
                f"--container-engine {self.engine!r} is none of auto, none and unix:///PATH: "
                "containers run on this machine, whose engine is reached by its Unix socket"
            )
        return (Path(path),)

    def check(self) -> None:
        """Raises ValueError for what makes no sense, whatever engine is found."""
        _ = self.sockets
        if self.network == NO_ENGINE or (self.network or "").startswith("container:"):
            raise ValueError(
                f"--container-network {self.network} leaves replicas where no request reaches "
                "them; use bridge, host, or the name of a network"
            )
        if self.pids_limit is not None and self.pids_limit < 1:
            raise ValueError("--container-pids-limit must be at least 1")


def usual_places(environment: Mapping[str, str], home: Path, *, is_root: bool) -> Sequence[Path]:
    """Where Docker and Podman put their sockets; a user's own engine comes before the machine's."""
    places: list[Path] = []
    named = environment.get("DOCKER_HOST", "")
    if named.startswith(_PREFIX):
        places.append(Path(named.removeprefix(_PREFIX)))
    if not is_root:
        runtime = Path(environment.get("XDG_RUNTIME_DIR") or "/nonexistent")
        places += [runtime / "docker.sock", runtime / "podman" / "podman.sock"]
        places += [home / ".docker" / "run" / "docker.sock"]
    places += [Path("/var/run/docker.sock"), Path("/run/podman/podman.sock")]
    return tuple(dict.fromkeys(places))
