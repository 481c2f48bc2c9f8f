"""An authenticated GET of a workload, against a bare FastAPI hello and against dstack's who-am-I.

All on one core, with load from the other. dstack 0.22.5 is installed into .cache/dstack, from the
package index, the first time.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

from bench.api_process import make_store, serving
from bench.load import run_load
from bench.measuring import Report, interleaved, median_ratio
from bench.records import fill

ROOT = Path(__file__).parent.parent
DSTACK = ROOT / ".cache" / "dstack"
DSTACK_VERSION = "0.22.5"
CORE, LOAD_CORE = 0, 1
CONNECTIONS = 8
SECONDS = 4.0
STARTED_WITHIN_SECONDS = 90.0
_TOKEN = "bench-token"
_POST = "wrk.method = 'POST'"


def main() -> None:
    """Measure and report."""
    _install_dstack()
    report = Report(
        "api",
        {
            "store": "SQLite, WAL, synchronous=FULL, 1,000 workloads",
            "connections": CONNECTIONS,
            "API": f"one process on core {CORE}, 16 threads; load on core {LOAD_CORE}",
            "dstack": f"{DSTACK_VERSION}, SQLite, POST /api/users/get_my_user",
        },
    )
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        store = make_store(Path(folder, "store"))
        workload = fill(store, 1000)
        api = stack.enter_context(serving(store, CORE))
        hello = stack.enter_context(_hello())
        dstack = stack.enter_context(_dstack(Path(folder, "dstack")))
        path = f"/api/v1/workloads/inferences/{workload}"
        values = interleaved(
            [
                _rate(f"{api.url}{path}", api.headers),
                _rate(hello, {}),
                _rate(
                    f"{dstack}/api/users/get_my_user",
                    {"Authorization": f"Bearer {_TOKEN}"},
                    _script(Path(folder)),
                ),
            ]
        )
    for name, rates in zip(("windlass", "FastAPI hello", "dstack"), values, strict=True):
        report.add(name, sorted(rates)[len(rates) // 2], "requests/s")
    report.add("windlass / FastAPI hello", median_ratio(values[0], values[1]), "times", ">= 0.2")
    report.add("windlass / dstack", median_ratio(values[0], values[2]), "times", ">= 4")
    report.finish()


def _rate(url: str, headers: Mapping[str, str], script: str | None = None) -> Callable[[], float]:
    def measure() -> float:
        load = run_load(url, SECONDS, CONNECTIONS, headers, [LOAD_CORE], script)
        if load.failed:
            raise AssertionError(f"{load.failed} requests to {url} failed")
        return load.per_second

    return measure


def _script(folder: Path) -> str:
    path = folder / "post.lua"
    path.write_text(_POST)
    return str(path)


@contextmanager
def _hello() -> Iterator[str]:
    port = _free_port()
    words = ["-m", "uvicorn", "bench.hello:application", "--port", str(port), "--no-access-log"]
    with _process([sys.executable, *words], {}, ROOT):
        yield _once_it_answers(f"http://127.0.0.1:{port}", "GET", "/")


@contextmanager
def _dstack(home: Path) -> Iterator[str]:
    port = _free_port()
    home.mkdir()
    words = [str(DSTACK / "bin" / "dstack"), "server", "--port", str(port), "--log-level", "error"]
    environment = {"HOME": str(home), "DSTACK_SERVER_ADMIN_TOKEN": _TOKEN}
    with _process(words, environment, home):
        yield _once_it_answers(f"http://127.0.0.1:{port}", "POST", "/api/users/get_my_user")


@contextmanager
def _process(words: list[str], environment: Mapping[str, str], folder: Path) -> Iterator[None]:
    process = subprocess.Popen(
        ["taskset", "-c", str(CORE), *words],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _once_it_answers(url: str, method: str, path: str) -> str:
    request = Request(f"{url}{path}", method=method, headers={"Authorization": f"Bearer {_TOKEN}"})
    deadline = time.monotonic() + STARTED_WITHIN_SECONDS
    while True:
        try:
            with urlopen(request, timeout=5):
                return url
        except (URLError, OSError):
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.2)


def _install_dstack() -> None:
    if (DSTACK / "bin" / "dstack").exists():
        return
    print(f"installing dstack {DSTACK_VERSION} into {DSTACK.relative_to(ROOT)}")
    subprocess.run([sys.executable, "-m", "venv", str(DSTACK)], check=True)
    package = f"dstack[server]=={DSTACK_VERSION}"
    subprocess.run([str(DSTACK / "bin" / "pip"), "install", "-q", package], check=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
