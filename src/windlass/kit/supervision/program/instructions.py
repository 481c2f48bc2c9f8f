"""What a supervisor was told to do, as `specification.json` and `stop.json` say it."""

import json

from windlass.kit.supervision.program.child import Start
from windlass.kit.supervision.program.directory import read_json, write_json


class ProbeInstructions:
    """A readiness probe; see `windlass.kit.supervision.specification.Probe`."""

    def __init__(self, source: str) -> None:
        content = json.loads(source)
        self.path: str | None = content["path"]
        self.port: int | None = content.get("port")
        self.secure: bool = content["scheme"] == "HTTPS"
        self.initial_delay: float = content["initial_delay_seconds"]
        self.period: float = content["period_seconds"]
        self.timeout: float = content["timeout_seconds"]
        self.success_threshold: int = content["success_threshold"]
        self.failure_threshold: int = content["failure_threshold"]


class ContainerInstructions:
    """A container; see `windlass.kit.supervision.specification.Container`."""

    def __init__(self, source: str) -> None:
        content = json.loads(source)
        self.socket: str = content["socket"]
        self.name: str = content["name"]
        self.creation: dict[str, object] = content["creation"]
        self.port: int | None = content["port"]


class Instructions:
    """One process; see `windlass.kit.supervision.specification.Specification`."""

    def __init__(self, path: str) -> None:
        with open(path, "rb") as file:
            content = json.loads(file.read())
        user = content["user"]
        probe = content["probe"]
        container = content.get("container")
        self.id: str = content["id"]
        self.container = ContainerInstructions(json.dumps(container)) if container else None
        self.start = Start(
            program=content["program"] or "".join(content["argv"][:1]),
            argv=content["argv"],
            environment=content["environment"],
            working_directory=content["working_directory"],
            user=user and (user["uid"], user["gid"], user["groups"]),
            control_groups=content["control_groups"],
        )
        self.restarts: bool = content["restart"] == "always"
        self.restart_delay: float = content["restart_delay_seconds"]
        self.restart_delay_maximum: float = content["restart_delay_maximum_seconds"]
        self.stop_grace: float = content["stop_grace_seconds"]
        self.port: int | None = content["port"]
        self.probe = ProbeInstructions(json.dumps(probe)) if probe else None
        self.log_file_bytes: int = content["log_file_bytes"]
        self.log_files: int = content["log_files"]
        self.memory_limit: int | None = content["sampled_memory_bytes"]
        self.notify: str | None = content["notify"]
        self.notify_ready: str | None = content.get("notify_ready")
        self.mark: str | None = content["mark"]
        self.holds_secrets: bool = content.get("holds_secrets", False)


def forget_secrets(path: str) -> None:
    """Take out of a specification what may be secret, and is not needed once it was read."""
    content = read_json(path)
    if content is None:
        return
    content["environment"] = {}
    argv, container = content["argv"], content.get("container")
    content["argv"] = argv[:1] if isinstance(argv, list) else []
    if isinstance(container, dict):
        container["creation"] = {}
    write_json(path, content)


class StopRequest:
    """Why a process is stopped, and when it is killed, in the machine's monotonic seconds."""

    def __init__(self, kill_at: float, reason: str) -> None:
        self.kill_at = kill_at
        self.reason = reason

    @staticmethod
    def read(path: str) -> "StopRequest | None":
        """The request in the file, or None where nobody has made one."""
        try:
            with open(path, "rb") as file:
                content = json.loads(file.read())
        except (FileNotFoundError, ValueError):
            return None
        return StopRequest(content["kill_at"], content["reason"])
