"""Creates and deletes workloads without end, and keeps what was acknowledged."""

import json
import random
import threading
import traceback
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

from tests.end_to_end.containers import container_canary
from tests.end_to_end.platforms import Answer, Platform, canary

_MOST_ALIVE = 5
_PAUSE_SECONDS = (0.05, 0.6)
_ARGUMENTS = (None, None, "--delay-listen 0.3", "--delay-listen 1")


@dataclass
class Entry:
    """One workload as its owner knows it."""

    name: str
    workload_id: str | None = None
    """None until its creation was acknowledged."""
    created: bool = False
    deletion_sent: bool = False
    deleted: bool = False
    """Whether its deletion was acknowledged."""


@dataclass
class Churn:
    """One client of the API, in a thread of its own, and its ledger."""

    platform: Platform
    prefix: str
    random: random.Random
    share_in_containers: float = 0.0
    entries: list[Entry] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """Answers that no kill explains."""
    _pause: threading.Event = field(default_factory=threading.Event)
    _idle: threading.Event = field(default_factory=threading.Event)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, or go on."""
        self._pause.clear()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()

    def pause(self) -> None:
        """Rest; returns when no request is under way."""
        self._idle.clear()
        self._pause.set()
        self._idle.wait()

    def stop(self) -> None:
        """End after the request under way."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    @property
    def alive(self) -> list[Entry]:
        """Those whose creation was acknowledged, and of whose deletion nothing was said."""
        return [entry for entry in self.entries if entry.created and not entry.deletion_sent]

    def _run(self) -> None:
        while not self._stop.is_set():
            if self._pause.is_set():
                self._idle.set()
                self._stop.wait(0.01)
                continue
            try:
                self._act()
            except Exception:
                self.wrong.append(f"the client itself failed: {traceback.format_exc()}")
            self._stop.wait(self.random.uniform(*_PAUSE_SECONDS))
        self._idle.set()

    def _act(self) -> None:
        alive = self.alive
        if len(alive) >= _MOST_ALIVE or (alive and self.random.random() < 0.4):
            self._delete(self.random.choice(alive))
        else:
            self._create()

    def _create(self) -> None:
        entry = Entry(f"{self.prefix}-{len(self.entries)}")
        self.entries.append(entry)
        known = self.platform.administrator
        boxed = self.random.random() < self.share_in_containers
        make = container_canary if boxed else canary
        spec = make(self.random.choice(_ARGUMENTS), compute={"cpuCoreRequest": 0.01})
        if self.random.random() < 0.3:
            spec["autoscaling"] = {"minReplicas": 2, "maxReplicas": 2}
        answer = self._call(
            "POST",
            "/api/v1/workloads/inferences",
            {
                "name": entry.name,
                "projectId": known["project_id"],
                "clusterId": known["cluster_id"],
                "spec": spec,
            },
        )
        if answer is None or answer.status == 503:
            return
        if answer.status != 202:
            self.wrong.append(f"POST of {entry.name}: {answer.status} {answer.body!r}")
            return
        entry.workload_id = answer.json()["workloadId"]
        entry.created = True

    def _delete(self, entry: Entry) -> None:
        entry.deletion_sent = True
        answer = self._call("DELETE", f"/api/v1/workloads/inferences/{entry.workload_id}")
        if answer is None or answer.status == 503:
            return
        if answer.status != 202:
            self.wrong.append(f"DELETE of {entry.name}: {answer.status} {answer.body!r}")
        entry.deleted = answer.status == 202

    def _call(self, method: str, path: str, body: Any = None) -> Answer | None:
        """The answer; None where the API went away before there was one."""
        try:
            answer = self.platform.call(method, path, body)
            json.loads(answer.body or b"null")
        except (OSError, HTTPException, ValueError):
            return None
        return answer
