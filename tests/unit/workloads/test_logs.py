"""Reading a log that is written to and rotated meanwhile."""

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from windlass.workloads.logs import read_log


async def _collect(
    folder: Path, tail: int | None, follow: bool = False, meanwhile: Callable[[], bool] = bool
) -> bytes:
    async def has_ended() -> bool:
        return not meanwhile()

    def files() -> list[Path]:
        return sorted(folder.iterdir())

    return b"".join([part async for part in read_log(files, tail, follow, has_ended)])


def read(folder: Path, tail: int | None, **options: object) -> bytes:
    return asyncio.run(_collect(folder, tail, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tail", "text"),
    [
        (None, b"a\nb\nc\rd\ne\n"),
        (0, b""),
        (1, b"e\n"),
        (2, b"c\rd\ne\n"),
        (3, b"b\nc\rd\ne\n"),
        (99, b"a\nb\nc\rd\ne\n"),
    ],
)
def test_the_tail_spans_files_and_counts_lines(tmp_path: Path, tail: int, text: bytes) -> None:
    (tmp_path / "1").write_bytes(b"a\nb\n")
    (tmp_path / "2").write_bytes(b"c\rd\ne\n")
    assert read(tmp_path, tail) == text


def test_a_last_line_without_an_end_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "1").write_bytes(b"a\nb")
    assert read(tmp_path, 1) == b"b"


def test_a_long_log_comes_whole(tmp_path: Path) -> None:
    text = os.urandom(300_000)
    (tmp_path / "1").write_bytes(text)
    assert read(tmp_path, None) == text


def test_an_empty_log_is_empty(tmp_path: Path) -> None:
    (tmp_path / "1").write_bytes(b"")
    assert read(tmp_path, None) == read(tmp_path, 5) == b""


def test_following_goes_on_over_rotation_until_the_end(tmp_path: Path) -> None:
    current = tmp_path / "2"
    current.write_bytes(b"old\nfirst\n")
    steps: Iterator[Callable[[], int]] = iter(
        [
            lambda: current.open("ab").write(b"second\n"),
            lambda: (tmp_path / "3").write_bytes(b"third\n"),
            lambda: (tmp_path / "3").open("ab").write(b"fourth\n"),
        ]
    )

    def meanwhile() -> bool:
        step = next(steps, None)
        if step is None:
            return False
        step()
        return True

    told = read(tmp_path, 1, follow=True, meanwhile=meanwhile)
    assert told == b"first\nsecond\nthird\nfourth\n"
