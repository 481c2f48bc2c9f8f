"""What a process writes is kept, bounded, and never holds it up."""

import contextlib
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.supervision.conftest import Supervised, is_alive, wait_until
from windlass.kit.supervision.control import log_files
from windlass.kit.supervision.observation import State

# Prints numbered lines for as long as the file given exists, then ends.
CHATTER = """
import os, sys
number = 0
while os.path.exists(sys.argv[1]):
    number += 1
    print("line", number, flush=True)
print("end", flush=True)
"""


def test_output_and_errors_are_in_the_log_to_the_last_byte(supervised: Supervised) -> None:
    supervised.launch("import sys; print('out', flush=True); sys.stderr.write('err'); sys.exit(1)")
    supervised.wait_for(State.EXITED)
    assert supervised.log() == b"out\nerr"


def test_a_flood_keeps_only_the_latest_files(supervised: Supervised) -> None:
    supervised.launch("for n in range(20000): print('line', n)", log_file_bytes=10_000, log_files=3)
    supervised.wait_for(State.EXITED)
    files = log_files(supervised.directory)
    assert len(files) == 3
    assert all(file.stat().st_size <= 10_000 for file in files)
    lines = supervised.log().splitlines()
    assert lines[-1] == b"line 19999"
    # In order, without a gap, over the borders of the files.
    numbers = [int(line.split()[1]) for line in lines[1:]]
    assert numbers == list(range(numbers[0], 20000))


def test_only_the_platform_may_read_a_log(supervised: Supervised) -> None:
    supervised.launch("print('secret')")
    supervised.wait_for(State.EXITED)
    assert all(file.stat().st_mode & 0o077 == 0 for file in log_files(supervised.directory))
    assert all(file.stat().st_uid == os.getuid() for file in log_files(supervised.directory))


def test_while_no_file_may_be_written_only_lines_are_lost(
    supervised: Supervised, tmp_path: Path
) -> None:
    (tmp_path / "go on").touch()
    supervised.launch(CHATTER, str(tmp_path / "go on"))
    pid = supervised.pid()
    wait_until(lambda: b"line 10\n" in supervised.log(), "it writes")
    supervisor_pid = supervised.observe().supervisor_pid
    assert supervisor_pid is not None
    limits = resource.prlimit(supervisor_pid, resource.RLIMIT_FSIZE)
    resource.prlimit(supervisor_pid, resource.RLIMIT_FSIZE, (0, limits[1]))
    taken_in = bytes_read(supervisor_pid)
    wait_until(lambda: bytes_read(supervisor_pid) > taken_in + 200_000, "it is listened to")
    assert is_alive(pid)
    resource.prlimit(supervisor_pid, resource.RLIMIT_FSIZE, limits)
    wait_until(lambda: b"were lost: File too large" in supervised.log(), "writing resumes")
    (tmp_path / "go on").unlink()
    ended = supervised.wait_for(State.EXITED)
    assert ended.log_bytes_lost > 0
    assert ended.log_error is None
    assert supervised.log().endswith(b"end\n")


def test_a_limit_on_file_sizes_makes_more_files(supervised: Supervised, tmp_path: Path) -> None:
    (tmp_path / "go on").touch()
    supervised.launch(CHATTER, str(tmp_path / "go on"), log_files=1000)
    supervised.pid()
    supervisor_pid = supervised.observe().supervisor_pid
    assert supervisor_pid is not None
    hard = resource.prlimit(supervisor_pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(supervisor_pid, resource.RLIMIT_FSIZE, (8192, hard))
    wait_until(lambda: len(log_files(supervised.directory)) > 3, "there are several files")
    (tmp_path / "go on").unlink()
    assert supervised.wait_for(State.EXITED).log_bytes_lost == 0
    numbers = [int(line.split()[1]) for line in supervised.log().splitlines()[:-1]]
    assert numbers == list(range(1, len(numbers) + 1))


def bytes_read(pid: int) -> int:
    """How much a process has read, from whatever file or pipe."""
    fields = Path(f"/proc/{pid}/io").read_text().split()
    return int(fields[fields.index("rchar:") + 1])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    if os.getuid() != 0:
        pytest.skip("only root may mount a file system")
    folder = tmp_path / "small"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if subprocess.run(words, check=False).returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_costs_lines_and_not_the_process(small_disk: Path, tmp_path: Path) -> None:
    supervised = Supervised(small_disk / "replica-1")
    (tmp_path / "go on").touch()
    supervised.launch(CHATTER, str(tmp_path / "go on"))
    pid = supervised.pid()
    wait_until(lambda: supervised.observe().log_bytes_lost > 0, "a loss is counted")
    assert supervised.observe().log_error == "No space left on device"
    assert is_alive(pid)
    # What has become old makes room.
    log_files(supervised.directory)[0].write_bytes(b"")
    wait_until(
        lambda: b"bytes of this log were lost: No space left on device" in supervised.log(),
        "writing resumes",
    )
    (tmp_path / "go on").unlink()
    ended = supervised.wait_for(State.EXITED)
    assert ended.exit is not None
    assert ended.exit.code == 0


def test_an_end_on_a_full_disk_is_still_told(small_disk: Path) -> None:
    supervised = Supervised(small_disk / "replica-1")
    supervised.launch(
        "import sys, time\nsys.stdin.close()\nfor _ in range(100000): print('x' * 99)\nsys.exit(5)"
    )
    ended = supervised.wait_for(State.EXITED)
    assert ended.exit is not None
    assert ended.exit.code == 5
    assert ended.log_bytes_lost > 0


def test_a_launch_on_a_full_disk_fails_and_starts_nothing(small_disk: Path) -> None:
    ballast = os.open(small_disk / "ballast", os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        while True:
            os.write(ballast, b"x" * 4096)
    os.close(ballast)
    supervised = Supervised(small_disk / "replica-1")
    with pytest.raises(OSError, match="No space left"):
        supervised.launch("pass")
    (small_disk / "ballast").unlink()
    assert supervised.launch("pass")
    assert supervised.wait_for(State.EXITED).exit is not None
