"""The lock tells who supervises; the files are never seen half written."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from windlass.kit.supervision.program.directory import Directory, read_json, write_json


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    return Directory(str(tmp_path))


def test_the_lock_is_taken_once_even_within_one_process(directory: Directory) -> None:
    assert not directory.lock_is_held()
    lock = directory.take_lock()
    assert lock is not None
    assert directory.lock_is_held()
    assert directory.take_lock() is None
    os.close(lock)
    assert not directory.lock_is_held()


def test_asking_about_the_lock_never_stands_in_the_way_of_taking_it(directory: Directory) -> None:
    lock = directory.take_lock()
    assert lock is not None
    os.close(lock)
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            directory.lock_is_held()

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    for _ in range(500):
        taken = directory.take_lock()
        assert taken is not None
        os.close(taken)
    done.set()
    for asker in askers:
        asker.join()


def test_a_process_that_inherits_the_descriptor_holds_the_lock(directory: Directory) -> None:
    lock = directory.take_lock()
    assert lock is not None
    words = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    holder = subprocess.Popen(words, stdin=subprocess.PIPE, pass_fds=[lock])
    os.close(lock)
    assert directory.lock_is_held()
    holder.communicate()
    assert not directory.lock_is_held()


def test_what_was_written_is_read(tmp_path: Path) -> None:
    file = str(tmp_path / "file")
    write_json(file, {"a": [1, "ü"]})
    assert read_json(file) == {"a": [1, "ü"]}
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("content", [None, b"", b"{", b"[1]"])
def test_where_nothing_whole_is_there_nothing_is_read(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "file").write_bytes(content)
    assert read_json(str(tmp_path / "file")) is None


def test_readers_never_see_a_half_written_file(tmp_path: Path) -> None:
    file = str(tmp_path / "file")
    write_json(file, {"n": -1})
    seen: list[object] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.append(read_json(file))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(300):
        write_json(file, {"n": number, "padding": "x" * (number * 30)})
    done.set()
    reader.join()
    assert None not in seen


def test_on_a_full_disk_the_file_is_overwritten_in_its_own_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = str(tmp_path / "file")
    write_json(file, {"a": 1})

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", full)
        write_json(file, {"a": 2, "longer": "x" * 1000})
        with pytest.raises(OSError, match="No space"):
            write_json(file, {"a": 3, "too long": "x" * 5000})
    assert read_json(file) == {"a": 2, "longer": "x" * 1000}
    assert os.listdir(tmp_path) == ["file"]
