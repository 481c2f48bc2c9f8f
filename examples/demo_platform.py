"""A platform of the demo's own: started as a child, ended with all that it started."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

REPOSITORY = Path(__file__).resolve().parent.parent
FOLDER = REPOSITORY / ".cache" / "demo"
DATA_DIR = FOLDER / "data"
LOG = FOLDER / "platform.log"
HOST_IMAGES = REPOSITORY / "examples" / "digits" / "host-images.yaml"

_READY_WITHIN_SECONDS = 60.0
_ENDED_WITHIN_SECONDS = 60.0
_POLL_SECONDS = 0.02
_LOG_LINES_SHOWN = 20


class PlatformTrouble(Exception):
    """The platform did not start, or not end; the text is for people."""


class AlreadyRunning(Exception):
    """Another demo runs in this checkout."""


@dataclass(frozen=True, slots=True)
class Platform:
    """A platform that is ready."""

    process: "subprocess.Popen[bytes]"
    seconds_to_ready: float

    def wait(self) -> int:
        """Wait until its control plane ends, which nobody asked for; its exit status."""
        return self.process.wait()


@contextmanager
def exclusive() -> Iterator[None]:
    """Be the only demo of this checkout. Raises AlreadyRunning."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise AlreadyRunning(
                f"A demo is already running here, as process {lock.read().strip() or 'unknown'}. "
                "End it with Ctrl-C where it runs, then try again."
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


@contextmanager
def running_platform() -> Iterator[Platform]:
    """A fresh platform on free ports; everything it started is gone afterwards.

    Raises PlatformTrouble.
    """
    _remove_leftovers()
    with LOG.open("wb") as log:
        started = time.monotonic()
        process = _start(log)
        try:
            _wait_until_ready(process)
            yield Platform(process, time.monotonic() - started)
        finally:
            _ignore_interrupts()
            _end(process)


def end_platform() -> None:
    """End control plane, gateway and every replica. Raises PlatformTrouble when it cannot."""
    ended = _windlass("down", "--data-dir", str(DATA_DIR))
    if ended.returncode != 0:
        raise PlatformTrouble(
            f"windlass down failed: {ended.stderr.strip() or ended.stdout.strip()}"
        )


def log_tail() -> Sequence[str]:
    """The last lines of the platform's log."""
    try:
        return LOG.read_text(errors="replace").splitlines()[-_LOG_LINES_SHOWN:]
    except FileNotFoundError:
        return []


def _end(process: "subprocess.Popen[bytes]") -> None:
    # Reaped as soon as it ends: until then it would look alive to whoever waits for its end.
    reaper = threading.Thread(target=process.wait, daemon=True)
    reaper.start()
    end_platform()
    reaper.join(_ENDED_WITHIN_SECONDS)
    if reaper.is_alive():
        raise PlatformTrouble(_with_log(f"The control plane, process {process.pid}, does not end."))


def _ignore_interrupts() -> None:
    """From now on nothing keeps the demo from ending what it started."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Not SIG_IGN, which children would inherit.
        signal.signal(each, lambda _number, _frame: None)


def _remove_leftovers() -> None:
    """End what a demo that was killed left running, and begin with an empty data directory."""
    if DATA_DIR.exists():
        end_platform()
        shutil.rmtree(DATA_DIR)


def _start(log: IO[bytes]) -> "subprocess.Popen[bytes]":
    words = ["up", "--data-dir", str(DATA_DIR), "--host-images", str(HOST_IMAGES)]
    addresses = ["--listen", "127.0.0.1:0", "--gateway", "127.0.0.1:0"]
    return subprocess.Popen(
        [sys.executable, "-m", "windlass", *words, *addresses],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        cwd=REPOSITORY,
        env=_environment(),
        # Ctrl-C is for the demo, which then ends the platform in good order.
        start_new_session=True,
    )


def _wait_until_ready(process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _READY_WITHIN_SECONDS
    while time.monotonic() < deadline:
        if any(line.startswith("windlass ready ") for line in LOG.read_text().splitlines()):
            return
        status = process.poll()
        if status is not None:
            raise PlatformTrouble(_with_log(f"windlass up ended with exit status {status}."))
        time.sleep(_POLL_SECONDS)
    raise PlatformTrouble(_with_log(f"windlass up is not ready after {_READY_WITHIN_SECONDS:g} s."))


def _with_log(sentence: str) -> str:
    return "\n".join([sentence, f"The end of {LOG}:", *(f"  {line}" for line in log_tail())])


def _windlass(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "windlass", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env=_environment(),
        start_new_session=True,
    )


def _environment() -> dict[str, str]:
    """Ours, without what would turn the demo's platform into somebody's real one."""
    return {name: value for name, value in os.environ.items() if not name.startswith("WINDLASS_")}
