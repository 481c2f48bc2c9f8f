"""A real platform for tests: `windlass up` as a process, and what it started."""

import contextlib
import functools
import json
import os
import select
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from windlass.app.schema import bring_up_to_date
from windlass.app.shutdown import StillRunning, end_everything
from windlass.kit.database import Database
from windlass.settings import Settings

T = TypeVar("T")

ROOT = Path(__file__).parent.parent.parent
CANARY_IMAGES = ROOT / "examples" / "canary" / "host-images.yaml"
PATIENCE_SECONDS = 60.0
READY_SECONDS = 60.0
SHORTEST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 0.1


class TookTooLong(AssertionError):
    """What a test waits for did not come."""


def eventually(probe: Callable[[], T | None], what: str, seconds: float = PATIENCE_SECONDS) -> T:
    """The first answer of `probe` that is true."""
    began = time.monotonic()
    while True:
        found = probe()
        if found:
            return found
        waited = time.monotonic() - began
        if waited >= seconds:
            raise TookTooLong(f"{what} did not come within {seconds:g} s")
        # Who asks all the time takes the processor from what is waited for.
        time.sleep(min(LONGEST_PAUSE_SECONDS, max(SHORTEST_PAUSE_SECONDS, waited / 20)))


@dataclass
class Answer:
    """What an HTTP server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def fetch(
    url: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 30.0,
    trusting: ssl.SSLContext | None = None,
) -> Answer:
    """One request; every status is an answer. `trusting` says which certificates count."""
    request = Request(url, data=body, headers=dict(headers or {}), method=method)
    try:
        with urlopen(request, timeout=timeout, context=trusting) as response:
            return Answer(response.status, dict(response.headers), response.read())
    except HTTPError as error:
        return Answer(error.code, dict(error.headers), error.read())


@dataclass
class Platform:
    """One data directory, and at most one control plane of it at a time."""

    data_dir: Path
    options: tuple[str, ...] = ()
    host_images: Path = CANARY_IMAGES
    environment: Mapping[str, str] = field(default_factory=dict)
    trusting: ssl.SSLContext | None = None
    """Which certificates count, where it speaks TLS."""
    process: "subprocess.Popen[str] | None" = None
    _token: str | None = None

    def up(self) -> float:
        """Start a control plane and wait until it is ready; the seconds that took."""
        began = time.monotonic()
        self.process = self.spawn()
        line = self._first_line()
        if not line.startswith("windlass ready "):
            raise AssertionError(f"no ready line, but {line!r}:\n{self.log()[-4000:]}")
        self._token = None
        return time.monotonic() - began

    def spawn(self, *options: str) -> "subprocess.Popen[str]":
        """Start `windlass up` and return at once."""
        with self.log_file.open("ab") as log:
            return subprocess.Popen(
                [
                    *windlass("up"),
                    *("--data-dir", str(self.data_dir)),
                    *("--listen", "127.0.0.1:0", "--gateway", "127.0.0.1:0"),
                    *("--host-images", str(self.host_images)),
                    *self.options,
                    *options,
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **self.environment},
            )

    @property
    def log_file(self) -> Path:
        """What the control plane writes to standard error."""
        return self.data_dir.with_name(f"{self.data_dir.name}.log")

    def log(self) -> str:
        """The same, as text."""
        return self.log_file.read_text() if self.log_file.exists() else ""

    def kill(self) -> None:
        """kill -9 the control plane."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        """SIGTERM; the exit status."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout=PATIENCE_SECONDS)

    def down(self) -> None:
        """`windlass down`."""
        run_windlass("down", "--data-dir", str(self.data_dir))
        if self.process is not None:
            self.process.wait(timeout=PATIENCE_SECONDS)

    @property
    def administrator(self) -> dict[str, Any]:
        """`admin.json`."""
        known: dict[str, Any] = json.loads((self.data_dir / "admin.json").read_text())
        return known

    @property
    def gateway(self) -> str:
        """The gateway's address."""
        return str(self.administrator["gateway_url"])

    @property
    def token(self) -> str:
        """A bearer token of the first administrator."""
        return self._token or self.sign_in()

    def sign_in(self) -> str:
        """A new token, used from now on."""
        known = self.administrator
        body = {
            "grantType": "client_credentials",
            "clientID": known["client_id"],
            "clientSecret": known["client_secret"],
        }
        raw = json.dumps(body).encode()
        answer = fetch(f"{known['url']}/api/v1/token", "POST", raw, trusting=self.trusting)
        assert answer.status == 200, answer.body
        self._token = str(answer.json()["accessToken"])
        return self._token

    def call(self, method: str, path: str, body: Any = None) -> Answer:
        """One request to the API."""
        raw = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        url = f"{self.administrator['url']}{path}"
        return fetch(url, method, raw, headers, trusting=self.trusting)

    def get(self, path: str) -> Any:
        """What the API shows at a path."""
        answer = self.call("GET", path)
        assert answer.status == 200, (answer.status, answer.body)
        return answer.json()

    def submit(self, name: str, spec: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
        """Create an inference and return what was answered."""
        known = self.administrator
        answer = self.call(
            "POST",
            "/api/v1/workloads/inferences",
            {
                "name": name,
                "projectId": known["project_id"],
                "clusterId": known["cluster_id"],
                "spec": spec,
                **fields,
            },
        )
        assert answer.status == 202, (answer.status, answer.body)
        created: dict[str, Any] = answer.json()
        return created

    def deploy(self, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Create an inference and wait until it is Running."""
        created = self.submit(name, spec)
        self.wait_for_phase(created["workloadId"], "Running")
        return created

    def workload(self, workload_id: str) -> dict[str, Any]:
        """The workload as lists show it, and why it waits."""
        shown: dict[str, Any] = self.get(f"/api/v1/workloads/{workload_id}")
        return shown

    def wait_for_phase(
        self, workload_id: str, phase: str, seconds: float = PATIENCE_SECONDS
    ) -> dict[str, Any]:
        """Wait until the workload is in a phase."""
        seen: dict[str, Any] = {}

        def probe() -> dict[str, Any] | None:
            nonlocal seen
            seen = self.workload(workload_id)
            return seen if seen["phase"] == phase else None

        try:
            return eventually(probe, phase, seconds)
        except TookTooLong as error:
            events = [
                f"{event['reason']}: {event['message']}" for event in self.events(workload_id)
            ]
            told = "\n".join([str(error), json.dumps(seen, indent=1), *events, self.log()[-3000:]])
            raise TookTooLong(told) from None

    def pods(self, workload_id: str, *, deleted: bool = False) -> list[dict[str, Any]]:
        """The pods of a workload."""
        suffix = "?deleted=true" if deleted else ""
        pods: list[dict[str, Any]] = self.get(f"/api/v1/workloads/{workload_id}/pods{suffix}")[
            "pods"
        ]
        return pods

    def events(self, workload_id: str) -> list[dict[str, Any]]:
        """What happened to a workload, newest first."""
        events: list[dict[str, Any]] = self.get(
            f"/api/v1/workloads/{workload_id}/events?limit=500"
        )["events"]
        return events

    def delete(self, workload_id: str) -> None:
        """Delete an inference and wait until it is gone."""
        answer = self.call("DELETE", f"/api/v1/workloads/inferences/{workload_id}")
        assert answer.status == 202, answer.body
        self.wait_until_gone(workload_id)

    def wait_until_gone(self, workload_id: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until a deleted workload is no longer there."""
        path = f"/api/v1/workloads/{workload_id}"
        eventually(lambda: self.call("GET", path).status == 404, "the end of deletion", seconds)

    def ask(self, name: str, path: str = "/", **options: Any) -> Answer:
        """One request to a workload through the gateway, by path."""
        project = self.administrator["project_name"]
        url = f"{self.gateway}/{project}/{name}{path}"
        return fetch(url, trusting=self.trusting, **options)

    def _first_line(self) -> str:
        assert self.process is not None
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], READY_SECONDS)
        return self.process.stdout.readline() if readable else ""


def canary(args: str | None = None, **spec: Any) -> dict[str, Any]:
    """A spec that runs the canary; see examples/canary/canary.py."""
    made: dict[str, Any] = {
        "image": "host/canary",
        "servingPort": {"container": 8000},
        **spec,
    }
    return made if args is None else {**made, "args": args}


def windlass(*words: str) -> list[str]:
    """The command line of `windlass`, with this interpreter."""
    return [sys.executable, "-m", "windlass", *words]


def run_windlass(*words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """Run a command of `windlass` to its end."""
    done = subprocess.run(
        windlass(*words), capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    if check and done.returncode != 0:
        raise AssertionError(f"windlass {' '.join(words)}: {done.stdout}{done.stderr}")
    return done


def running(directory: Path, *options: str, **settings: Any) -> Iterator[Platform]:
    """A platform in `directory`, ended with all that it started afterwards.

    Its store has its tables already, which would else take a fifth of the time to be ready; what a
    first start makes of nothing is for tests of that.
    """
    platform = Platform(directory, options, **settings)
    if "--database" not in options:
        directory.mkdir(mode=0o711, parents=True, exist_ok=True)
        store = directory / "windlass.db"
        store.touch(mode=0o600)
        store.write_bytes(empty_store())
    try:
        platform.up()
        yield platform
    finally:
        end(platform)


@functools.cache
def empty_store() -> bytes:
    """A SQLite database with the newest schema, and nothing in it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "windlass.db"
        database = Database(f"sqlite:///{file}")
        bring_up_to_date(database)
        database.close()
        return file.read_bytes()


def end(platform: Platform) -> None:
    """End all that a platform started, in whatever state it is.

    As `windlass down` does, but without a process that would have to import it first.
    """
    if platform.process is not None and platform.process.poll() is None:
        platform.process.send_signal(signal.SIGTERM)
    if platform.data_dir.exists():
        with contextlib.suppress(StillRunning, OSError):
            end_everything(Settings(data_dir=platform.data_dir))
    if platform.process is not None:
        platform.process.kill()
        platform.process.wait()
