"""The container engine of this machine: what it is, whether it answers, and requests to it."""

import base64
import contextlib
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from windlass.engines.local.containers.facts import (
    DOCKER,
    PODMAN,
    EngineFacts,
    recall,
    remember,
)
from windlass.kit.supervision.program.containers.api import (
    Answer,
    Result,
    Unreachable,
    ask,
    stream,
    wait_for,
)

_FRESH_SECONDS = 2.0
_QUICK_SECONDS = 10.0
_PING_SECONDS = 3.0


class EngineUnreachable(Exception):
    """No container engine answers; the message says why."""


class EngineRefuses(Exception):
    """The engine answered that it cannot; the message is its own."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class ContainerEngine:
    """Finds the engine, and finds it again. Safe to use from several threads."""

    def __init__(self, sockets: Sequence[Path], facts_file: Path) -> None:
        """`facts_file` remembers the engine that was found last."""
        self._sockets = tuple(sockets)
        self._facts_file = facts_file
        self._lock = threading.Lock()
        remembered = recall(facts_file)
        self._facts = remembered if remembered and remembered.socket in self._sockets else None
        self._problem = _nothing_found(self._sockets)
        self._looked_at = float("-inf")
        if any(path.exists() for path in self._sockets):
            # An engine may take a second to tell of itself, which no request should wait for.
            threading.Thread(target=self._look_ahead, daemon=True).start()

    def find(self) -> EngineFacts:
        """The engine as it was a moment ago at most. Raises EngineUnreachable."""
        with self._lock:
            if time.monotonic() >= self._looked_at + _FRESH_SECONDS:
                self._look()
            if self._facts is None or self._problem:
                raise EngineUnreachable(self._problem)
            return self._facts

    @property
    def last_known(self) -> EngineFacts | None:
        """The engine that was found last, whether it answers now or not, if one ever was."""
        return self._facts

    @property
    def is_wanted(self) -> bool:
        """Whether an engine is looked for at all."""
        return bool(self._sockets)

    def get(self, path: str, seconds: float = _QUICK_SECONDS) -> Any:
        """What the engine shows there. Raises EngineUnreachable or EngineRefuses."""
        return self.call("GET", path, seconds=seconds)

    def call(
        self, method: str, path: str, body: object = None, seconds: float = _QUICK_SECONDS
    ) -> Any:
        """One request. Raises EngineUnreachable or EngineRefuses."""
        socket = str(self.find().socket)
        return _content(_wait(lambda: wait_for(ask(socket, method, path, body, seconds))))

    def stream(
        self, path: str, take: Callable[[Mapping[str, Any]], None], authorization: object = None
    ) -> None:
        """POST whose answer is one JSON object a line, each handed to `take` as it comes.

        Raises EngineUnreachable or EngineRefuses.
        """
        socket = str(self.find().socket)
        lines = _Lines(take)
        headers = ""
        if authorization is not None:
            encoded = base64.urlsafe_b64encode(json.dumps(authorization).encode()).decode()
            headers = f"X-Registry-Auth: {encoded}\r\n"
        status = _wait(lambda: wait_for(stream(socket, "POST", path, lines.take, headers=headers)))
        if status >= 400:
            raise EngineRefuses(status, Answer(status, lines.everything).message)

    def _look_ahead(self) -> None:
        with contextlib.suppress(EngineUnreachable):
            self.find()

    def _look(self) -> None:
        """Whether the known engine answers; where none is known, or it does not, look for one."""
        if self._facts is None or self._problem or not _answers(self._facts.socket):
            self._look_everywhere()
        self._looked_at = time.monotonic()

    def _look_everywhere(self) -> None:
        """The known socket first: another engine would not know our containers."""
        known = [self._facts.socket] if self._facts is not None else []
        problems = []
        for path in [*known, *(place for place in self._sockets if place not in known)]:
            if not path.exists():
                continue
            try:
                self._take(_facts(path))
                return
            except (EngineUnreachable, EngineRefuses) as error:
                problems.append(f"{path}: {error}")
        self._problem = "; ".join(problems) or _nothing_found(self._sockets)

    def _take(self, facts: EngineFacts) -> None:
        if facts != self._facts:
            remember(self._facts_file, facts)
        self._facts, self._problem = facts, ""


class _Lines:
    """Cuts what comes into lines."""

    def __init__(self, take: Callable[[Mapping[str, Any]], None]) -> None:
        self._take = take
        self._rest = b""
        self.everything = b""
        """The first of it, for an error's message."""

    def take(self, data: bytes) -> None:
        self.everything = (self.everything + data)[:65536]
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.strip():
                content = json.loads(line)
                if isinstance(content, dict):
                    self._take(content)


def _answers(path: Path) -> bool:
    try:
        return wait_for(ask(str(path), "GET", "/_ping", None, _PING_SECONDS)).status == 200
    except Unreachable:
        return False


def _facts(path: Path) -> EngineFacts:
    socket = str(path)
    version = _content(_wait(lambda: wait_for(ask(socket, "GET", "/version", None, 5))))
    info = _content(_wait(lambda: wait_for(ask(socket, "GET", "/info", None, 5))))
    names = [part.get("Name", "") for part in version.get("Components") or []]
    security = " ".join(info.get("SecurityOptions") or [])
    rootless = "rootless" in security or bool(info.get("Rootless"))
    cgroup_version = str(info.get("CgroupVersion") or "1")
    # A rootless Podman says that it can, and ignores all limits: nobody delegates version 1.
    can_limit = not (rootless and cgroup_version == "1")
    return EngineFacts(
        socket=path,
        name=PODMAN if any("Podman" in name for name in names) else DOCKER,
        version=str(version.get("Version", "")),
        storage=str(info.get("Driver", "")),
        root_directory=str(info.get("DockerRootDir", "")),
        rootless=rootless,
        cgroup_version=cgroup_version,
        limits_cpu=can_limit and bool(info.get("CpuCfsQuota")),
        limits_memory=can_limit and bool(info.get("MemoryLimit")),
        limits_pids=can_limit and bool(info.get("PidsLimit")),
        runtimes=frozenset(info.get("Runtimes") or ()),
        default_runtime=str(info.get("DefaultRuntime", "")),
        has_device_specifications=bool(info.get("CDISpecDirs")),
    )


def _wait(request: Callable[[], Result]) -> Result:
    try:
        return request()
    except Unreachable as error:
        raise EngineUnreachable(str(error)) from error


def _content(answer: Answer) -> Any:
    if answer.status >= 400:
        raise EngineRefuses(answer.status, answer.message)
    return answer.content


def _nothing_found(sockets: Sequence[Path]) -> str:
    if not sockets:
        return "the platform was started with --container-engine none"
    return f"no engine was found at {', '.join(str(path) for path in sockets)}"
