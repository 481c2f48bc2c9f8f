"""Requests without end to workloads that nobody touches, and what came of each."""

import http.client
import json
import threading
import time
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_PAUSE_SECONDS = 0.02
_TIMEOUT_SECONDS = 60.0
_REQUESTS_A_CONNECTION = 20


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request, from its first byte out to its last byte in; times are monotonic seconds."""

    began: float
    ended: float
    failure: str | None = None
    status: int | None = None
    """None where no answer, or no whole answer, came."""


@dataclass
class SteadyTraffic:
    """Asks one workload by path, one request after the other, in a thread of its own."""

    name: str
    workload_id: str
    gateway: str
    project: str
    path: str = "/"
    headers: Mapping[str, str] = field(default_factory=dict)
    expected: bytes | None = None
    """The whole body; None: the canary's account of itself, which names its workload."""
    burst_seconds: float = 0.0
    """How long it asks before it falls silent for `silence_seconds`; 0: it never does."""
    silence_seconds: float = 0.0
    attempts: list[Attempt] = field(default_factory=list)
    _paused: threading.Event = field(default_factory=threading.Event)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the request under way."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def pause(self) -> None:
        """Ask nothing from after the request under way until `go_on`."""
        self._paused.set()

    def go_on(self) -> None:
        """Ask again."""
        self._paused.clear()

    @property
    def failures(self) -> list[Attempt]:
        """What went wrong, oldest first."""
        return [attempt for attempt in list(self.attempts) if attempt.failure is not None]

    def first_success_after(self, moment: float) -> float | None:
        """When the first request that began after this moment was answered well."""
        attempts = self.attempts
        first = bisect_right(attempts, moment, key=lambda attempt: attempt.began)
        later = (attempts[index] for index in range(first, len(attempts)))
        return next((attempt.ended for attempt in later if attempt.failure is None), None)

    def _run(self) -> None:
        address = urlsplit(self.gateway).netloc
        silent_at = time.monotonic() + self.burst_seconds
        while not self._stop.is_set():
            if self._paused.is_set():
                self._stop.wait(_PAUSE_SECONDS)
                continue
            if self.burst_seconds and time.monotonic() >= silent_at:
                self._stop.wait(self.silence_seconds)
                silent_at = time.monotonic() + self.burst_seconds
            connection = http.client.HTTPConnection(address, timeout=_TIMEOUT_SECONDS)
            for _ in range(_REQUESTS_A_CONNECTION):
                attempt = self._ask(connection)
                self.attempts.append(attempt)
                self._stop.wait(_PAUSE_SECONDS)
                if attempt.status is None or self._stop.is_set() or self._paused.is_set():
                    break
            connection.close()

    def _ask(self, connection: http.client.HTTPConnection) -> Attempt:
        began = time.monotonic()
        try:
            target = f"/{self.project}/{self.name}{self.path}"
            connection.request("GET", target, headers=dict(self.headers))
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            return Attempt(began, time.monotonic(), repr(error))
        failure = self._wrong(response.status, body)
        return Attempt(began, time.monotonic(), failure, response.status)

    def _wrong(self, status: int, body: bytes) -> str | None:
        if status != 200:
            return f"status {status}: {body[:200]!r}"
        if self.expected is not None:
            return None if body == self.expected else f"a wrong body: {body[:200]!r}"
        answered_by = json.loads(body)["environment"]["RUNAI_JOB_UUID"]
        if answered_by != self.workload_id:
            return f"answered by the workload {answered_by}"
        return None
