"""What is known of a container engine, also by a process that starts while it is away."""

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

PODMAN = "Podman"
DOCKER = "Docker"


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What an engine says of itself."""

    socket: Path
    name: str
    version: str
    storage: str
    """Its storage driver."""
    root_directory: str
    rootless: bool
    cgroup_version: str
    limits_cpu: bool
    limits_memory: bool
    limits_pids: bool
    runtimes: frozenset[str]
    default_runtime: str
    has_device_specifications: bool
    """Whether it says that it reads specifications of the Container Device Interface."""

    @property
    def is_podman(self) -> bool:
        """Whether it is Podman, whose Docker API differs here and there."""
        return self.name == PODMAN

    @property
    def has_readable_logs(self) -> bool:
        """Whether this process may change the files in which it keeps containers' logs."""
        return os.access(self.root_directory, os.R_OK | os.W_OK | os.X_OK)

    @property
    def version_numbers(self) -> tuple[int, ...]:
        """The version, to compare."""
        numbers = self.version.split("-")[0].split("+")[0].split(".")
        return tuple(int(part) for part in numbers if part.isdigit())

    @property
    def described(self) -> str:
        """In a few words."""
        return f"{self.name} {self.version} at unix://{self.socket}"


def remember(file: Path, facts: EngineFacts) -> None:
    """Write them down, for `recall`; a full disk leaves what there was."""
    content = {name: _plain(value) for name, value in asdict(facts).items()}
    temporary = file.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):
        temporary.write_text(json.dumps(content))
        os.replace(temporary, file)


def recall(file: Path) -> EngineFacts | None:
    """What was written down last; None where nothing was, or by another version of this program."""
    try:
        content = json.loads(file.read_text())
        return EngineFacts(
            **content
            | {"socket": Path(content["socket"]), "runtimes": frozenset(content["runtimes"])}
        )
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None


def _plain(value: object) -> object:
    if isinstance(value, frozenset):
        return sorted(value)
    return str(value) if isinstance(value, Path) else value
