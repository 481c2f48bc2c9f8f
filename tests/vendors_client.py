"""The vendor's own client, imported once for many programs: that takes several seconds each time.

As a program it is the process that has imported it, which forks one for every program it is told.
"""

import contextlib
import json
import os
import runpy
import select
import signal
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

LIMIT_SECONDS = 120.0


class VendorsClient:
    """A process in which `import runai` gives what lies in a folder."""

    def __init__(self, packages: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env={**os.environ, "PYTHONPATH": str(packages)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # With what it forks.
            start_new_session=True,
        )

    def run(self, program: str, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a program to its end. Raises CalledProcessError, or TimeoutExpired."""
        command = [program, *words]
        with tempfile.TemporaryDirectory() as folder:
            printed, complained = Path(folder, "stdout"), Path(folder, "stderr")
            told = self._ask({"command": command, "files": [str(printed), str(complained)]})
            done = subprocess.CompletedProcess(
                command, told, printed.read_text(), complained.read_text()
            )
        if done.returncode != 0:
            print(done.stderr, file=sys.stderr)
        done.check_returncode()
        return done

    def stop(self) -> None:
        """End it, and whatever it still runs."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def _ask(self, request: dict[str, Any]) -> int:
        """The exit status of what it was told to run."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        if not select.select([self._process.stdout], [], [], LIMIT_SECONDS)[0]:
            self.stop()
            raise subprocess.TimeoutExpired(request["command"], LIMIT_SECONDS)
        told = self._process.stdout.readline()
        assert told, "the process with the vendor's client has ended"
        return int(told)


def serve() -> None:
    """Run what standard input names, one after the other; print how each ended."""
    import runai.api
    import runai.models
    import runai.runai_client  # noqa: F401 (for those that are forked)

    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(request["command"], request["files"])
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _become(command: list[str], files: list[str]) -> None:
    """Be the program, and never return."""
    status = 1
    try:
        for descriptor, file in enumerate([os.devnull, *files]):
            os.dup2(os.open(file, os.O_RDWR | os.O_CREAT), descriptor)
        sys.argv = command
        sys.path[0] = str(Path(command[0]).parent)
        runpy.run_path(command[0], run_name="__main__")
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    serve()
