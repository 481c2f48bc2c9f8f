"""`make demo`, as a new user meets it: it shows what it promises and leaves nothing behind."""

import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.platforms import ROOT, eventually, fetch, run_windlass


@pytest.fixture
def folder(scratch_root: Path) -> Iterator[Path]:
    """Where the demo keeps everything; nothing runs there afterwards."""
    folder = scratch_root / "demo"
    yield folder
    if (folder / "data").exists():
        run_windlass("down", "--data-dir", str(folder / "data"), check=False)


class Demo:
    """The demo as a process, whose output is read as it comes."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "examples.demo", "--folder", str(folder), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self.output = ""

    def read_until(self, beginning: str) -> None:
        """Read until a line begins as the pattern says."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line
            if re.match(beginning, line):
                return
        raise AssertionError(f"it ended without {beginning!r}: {self.output}{self.finish()[1]}")

    def finish(self) -> tuple[int, str]:
        """Its exit status, and what it wrote to standard error."""
        rest, error = self.process.communicate(timeout=120)
        self.output += rest
        return self.process.returncode, error


def processes_of(folder: Path) -> list[int]:
    """Every process whose command line or environment names the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in told:
            found.append(int(process.name))
    return found


def test_it_serves_until_ctrl_c_which_ends_all_that_it_started(folder: Path) -> None:
    demo = Demo(folder)
    demo.read_until("Serving")
    phases = re.findall(r" s  digits  (\w+)", demo.output)
    assert phases[0] == "Creating"
    assert phases[-1] == "Running"
    accuracy = re.search(r"accuracy +([0-9.]+)%", demo.output)
    assert accuracy is not None
    assert float(accuracy[1]) > 90
    assert re.search(r"throughput +[0-9]+ requests/s", demo.output)
    assert re.search(r"latency +p50 [0-9.]+ ms, p99 [0-9.]+ ms", demo.output)

    assert_it_rose_fell_silent_and_woke(demo.output)

    by_path, by_host = re.findall(r"^ +(curl .*)$", demo.output, re.MULTILINE)
    assert answer_of(by_path) == {"predictions": [0]}
    assert answer_of(by_host) == {"status": "ok"}
    looked = re.search(r"^Look +\S+windlass (.*)$", demo.output, re.MULTILINE)
    assert looked is not None
    assert "digits  Running" in run_windlass(*shlex.split(looked[1])).stdout

    status, error = Demo(folder, "--exit").finish()
    assert status == 1
    assert f"already runs in {folder}, as process {demo.process.pid}" in error

    assert len(processes_of(folder)) > 4
    demo.process.send_signal(signal.SIGINT)
    status, error = demo.finish()
    assert (status, error) == (0, "")
    assert processes_of(folder) == []


def assert_it_rose_fell_silent_and_woke(output: str) -> None:
    """The model, by the platform's own events beside what the demo says it saw."""
    told = re.search(r"(\d+) requests answered by up to (\d+) replicas;", output)
    assert told is not None
    assert int(told[1]) > 0
    assert int(told[2]) > 1
    counts = [(int(a), int(b)) for a, b in re.findall(r"Replicas (\d+) → (\d+): ", output)]
    assert max(after for _, after in counts) >= int(told[2])
    assert counts[-2][1] == 0
    assert counts[-1][0] == 0
    assert "a request came while none ran" in output
    assert re.search(r"woke the model and was answered after [0-9.]+ s", output)


def test_after_a_demo_that_was_killed_the_next_one_ends_what_it_left(folder: Path) -> None:
    killed = Demo(folder)
    killed.read_until(r" *[0-9.]+ s  digits  Running")
    left = processes_of(folder)
    killed.process.kill()
    killed.finish()
    assert set(processes_of(folder)) & set(left)

    # How the number of replicas follows traffic takes long, and is seen above.
    code = (
        "import sys; from examples import demo\n"
        "demo._scale = lambda *_: None; sys.exit(demo.main())"
    )
    command = [sys.executable, "-c", code, "--folder", str(folder), "--exit"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "throughput" in done.stdout
    assert eventually(lambda: not processes_of(folder), "the end of every process")


def answer_of(curl: str) -> object:
    """What the printed command line gets, asked as curl would."""
    words = shlex.split(curl)[1:]
    headers, body, url = {}, None, ""
    while words:
        word = words.pop(0)
        if word == "-H":
            name, value = words.pop(0).split(": ")
            headers[name] = value
        elif word == "-d":
            body = (ROOT / words.pop(0).removeprefix("@")).read_bytes()
        else:
            url = word
    return fetch(url, "POST" if body else "GET", body, headers).json()


def test_a_demo_that_fails_says_why_and_ends_what_it_started(folder: Path, tmp_path: Path) -> None:
    request = tmp_path / "inference.yaml"
    request.write_text(
        "name: digits\n"
        "spec:\n"
        "  image: host/digits\n"
        "  servingPort: {container: 8000}\n"
        "  probes: {readiness: {handler: {httpGet: {path: /nowhere}}}}\n"
        "  servingConfiguration: {initializationTimeoutSeconds: 5}\n"
    )
    code = (
        "import sys; from pathlib import Path; from examples import demo\n"
        f"demo.INFERENCE = Path({str(request)!r}); sys.exit(demo.main())"
    )
    command = [sys.executable, "-c", code, "--folder", str(folder)]
    failed = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False
    )
    assert failed.returncode == 1
    assert "demo: digits is Failed: Not ready 5 s after" in failed.stderr
    assert "Warning  InitializationTimeout" in failed.stderr
    assert "The end of the log of digits-0-" in failed.stderr
    assert processes_of(folder) == []
