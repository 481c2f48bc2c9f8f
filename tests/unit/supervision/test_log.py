"""The log keeps what it can, and says what it cannot."""

from pathlib import Path

from windlass.kit.supervision.program.log import Log, log_numbers


def content(folder: Path) -> bytes:
    return b"".join((folder / f"{n}.log").read_bytes() for n in log_numbers(str(folder)))


def test_files_follow_one_another_at_their_size(tmp_path: Path) -> None:
    log = Log(str(tmp_path), file_bytes=10, files=100)
    log.write(b"0123456789" * 3 + b"end")
    assert log_numbers(str(tmp_path)) == [1, 2, 3, 4]
    assert content(tmp_path) == b"0123456789" * 3 + b"end"


def test_only_the_latest_files_are_kept(tmp_path: Path) -> None:
    log = Log(str(tmp_path), file_bytes=1, files=3)
    log.write(bytes(range(48, 58)))
    assert content(tmp_path) == b"789"


def test_files_are_ordered_by_number_not_by_name(tmp_path: Path) -> None:
    Log(str(tmp_path), file_bytes=1, files=100).write(b"abcdefghijkl")
    assert log_numbers(str(tmp_path)) == list(range(1, 13))


def test_a_new_log_goes_on_where_the_former_ended(tmp_path: Path) -> None:
    Log(str(tmp_path), file_bytes=10, files=3).write(b"before ")
    Log(str(tmp_path), file_bytes=10, files=3).write(b"and after")
    assert content(tmp_path) == b"before and after"


def test_on_a_full_disk_bytes_are_counted(tmp_path: Path) -> None:
    """/dev/full answers every write as a full disk does."""
    (tmp_path / "1.log").symlink_to("/dev/full")
    log = Log(str(tmp_path), file_bytes=1000, files=3)
    log.write(b"lost")
    log.write(b"lost, too")
    assert log.bytes_lost == 13
    assert log.error == "No space left on device"


def test_the_gap_is_said_once_there_is_room_again(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    log = Log(str(tmp_path / "log"), file_bytes=1000, files=3)
    log.write(b"lost")
    assert log.bytes_lost == 4
    (tmp_path / "log").unlink()
    log.write(b"kept")
    log.write(b" and more")
    assert content(tmp_path / "log") == (
        b"\n[windlass: 4 bytes of this log were lost: File exists]\nkept and more"
    )
    assert log.error is None
    assert log.bytes_lost == 4
