"""A platform of the demo's own: started as a child, ended with all that it started."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

REPOSITORY = Path(__file__).resolve().parent.parent
HOST_IMAGES = REPOSITORY / "examples" / "digits" / "host-images.yaml"

_READY_WITHIN_SECONDS = 60.0
_ENDED_WITHIN_SECONDS = 60.0
_POLL_SECONDS = 0.02
_LOG_LINES_SHOWN = 20


_QUICK_AUTOSCALER = {
    "WINDLASS_AUTOSCALER_STABLE_WINDOW_SECONDS": "6",
    "WINDLASS_SCALE_TO_ZERO_GRACE_SECONDS": "0",
}
"""Who watches does not want to wait for the minute and a half that is the default."""


class PlatformTrouble(Exception):
    """The platform did not start, or not end; the text is for people."""


class AlreadyRunning(Exception):
    """Another demo uses the folder."""


class DemoPlatform:
    """One platform, with everything it keeps in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data_dir = folder / "data"
        self.log = folder / "platform.log"
        self.seconds_to_ready = 0.0

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only demo that uses the folder. Raises AlreadyRunning."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise AlreadyRunning(
                    f"A demo already runs in {self.folder}, as process {lock.read().strip()}. "
                    "End it with Ctrl-C where it runs, then try again."
                ) from None
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
            yield

    @contextmanager
    def running(self) -> Iterator["subprocess.Popen[bytes]"]:
        """The control plane of a fresh platform; all that it started is gone afterwards.

        Raises PlatformTrouble.
        """
        self._remove_leftovers()
        with self.log.open("wb") as log:
            began = time.monotonic()
            process = self._start(log)
            try:
                self._wait_until_ready(process)
                self.seconds_to_ready = time.monotonic() - began
                yield process
            finally:
                _ignore_interrupts()
                self._end(process)

    def log_tail(self) -> str:
        """The last lines of the platform's log, after a line that says so."""
        lines = self.log.read_text(errors="replace").splitlines()[-_LOG_LINES_SHOWN:]
        return "\n".join([f"The end of {self.log}:", *(f"  {line}" for line in lines)])

    def _remove_leftovers(self) -> None:
        """End what a demo that was killed left running, and begin with an empty directory."""
        if self.data_dir.exists():
            self._down()
            shutil.rmtree(self.data_dir)

    def _start(self, log: IO[bytes]) -> "subprocess.Popen[bytes]":
        words = ["up", "--data-dir", str(self.data_dir), "--host-images", str(HOST_IMAGES)]
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

    def _wait_until_ready(self, process: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + _READY_WITHIN_SECONDS
        while time.monotonic() < deadline:
            lines = self.log.read_text(errors="replace").splitlines()
            if any(line.startswith("windlass ready ") for line in lines):
                return
            status = process.poll()
            if status is not None:
                raise PlatformTrouble(
                    f"windlass up ended with exit status {status}.\n{self.log_tail()}"
                )
            time.sleep(_POLL_SECONDS)
        raise PlatformTrouble(
            f"windlass up is not ready after {_READY_WITHIN_SECONDS:g} s.\n{self.log_tail()}"
        )

    def _end(self, process: "subprocess.Popen[bytes]") -> None:
        # Reaped as soon as it ends: until then it would look alive to whoever waits for its end.
        reaper = threading.Thread(target=process.wait, daemon=True)
        reaper.start()
        self._down()
        reaper.join(_ENDED_WITHIN_SECONDS)
        if reaper.is_alive():
            raise PlatformTrouble(
                f"The control plane, process {process.pid}, does not end.\n{self.log_tail()}"
            )

    def _down(self) -> None:
        ended = subprocess.run(
            [sys.executable, "-m", "windlass", "down", "--data-dir", str(self.data_dir)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env=_environment(),
            start_new_session=True,
        )
        if ended.returncode != 0:
            raise PlatformTrouble(f"windlass down failed: {ended.stderr.strip()}")


def _ignore_interrupts() -> None:
    """From now on nothing keeps the demo from ending what it started."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Not SIG_IGN, which children would inherit.
        signal.signal(each, lambda _number, _frame: None)


def _environment() -> dict[str, str]:
    """Ours, without what would turn the demo's platform into somebody's real one."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("WINDLASS_")}
    return {**ours, **_QUICK_AUTOSCALER}
