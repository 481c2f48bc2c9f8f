"""A replica's log as a stream of bytes, over the rotation of its files."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

_CHUNK_BYTES = 64 * 1024
_POLL_SECONDS = 0.2

ListFiles = Callable[[], Sequence[Path]]
"""The log's files, oldest first; a file that is rotated keeps its inode until it is removed."""


async def read_log(
    list_files: ListFiles,
    tail: int | None,
    follow: bool,
    has_ended: Callable[[], Awaitable[bool]],
) -> AsyncIterator[bytes]:
    """The log, or its last `tail` lines; with `follow`, also what comes until the replica ends."""
    with closing(_Reader()) as reader:
        if tail is not None:
            yield reader.last_lines(list_files(), tail)
        while tail is None and (part := reader.read_on(list_files())):
            yield part
        while follow:
            ended = await has_ended()
            while part := reader.read_on(list_files()):
                yield part
            if ended:
                return
            await asyncio.sleep(_POLL_SECONDS)


class _Reader:
    """Reads on from file to file.

    What was found is held open until it is read: a replica's last words are often followed by the
    removal of its files.
    """

    def __init__(self) -> None:
        self._unread: list[BinaryIO] = []

    def read_on(self, paths: Sequence[Path]) -> bytes:
        """The next part; empty when there is none now."""
        self._unread += self._opened_after_the_newest(paths)
        while self._unread:
            part = self._unread[0].read(_CHUNK_BYTES)
            if part or len(self._unread) == 1:
                return part
            self._unread.pop(0).close()
        return b""

    def last_lines(self, paths: Sequence[Path], count: int) -> bytes:
        """The last lines, read from the end of the newest file backwards; the rest is skipped."""
        collected = b""
        files = self._opened_after_the_newest(paths)
        ends = [file.seek(0, os.SEEK_END) for file in files]
        for file, end in reversed(list(zip(files, ends, strict=True))):
            while end > 0 and collected.count(b"\n") <= count:
                start = max(0, end - _CHUNK_BYTES)
                file.seek(start)
                collected = file.read(end - start) + collected
                end = start
        for file in files[:-1]:
            file.close()
        self._unread = files[-1:]
        for file in self._unread:
            file.seek(ends[-1])
        return _last(collected, count)

    def close(self) -> None:
        """Let all files go."""
        for file in self._unread:
            file.close()

    def _opened_after_the_newest(self, paths: Sequence[Path]) -> list[BinaryIO]:
        known = _inode(self._unread[-1]) if self._unread else None
        opened: list[BinaryIO] = []
        for path in reversed(paths):
            try:
                file = path.open("rb")
            except FileNotFoundError:
                continue
            if _inode(file) == known:
                file.close()
                break
            opened.insert(0, file)
        return opened


def _last(text: bytes, count: int) -> bytes:
    ending = b"\n" if text.endswith(b"\n") else b""
    lines = text.removesuffix(ending).split(b"\n") if ending else text.split(b"\n")
    return b"\n".join(lines[-count:]) + ending if count and text else b""


def _inode(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_ino
