"""A replica's log as a stream of bytes, over the rotation of its files."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

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
    position = _Position()
    if tail is not None:
        yield position.last_lines(list_files(), tail)
    while tail is None and (part := position.read_on(list_files())):
        yield part
    while follow:
        ended = await has_ended()
        while part := position.read_on(list_files()):
            yield part
        if ended:
            return
        await asyncio.sleep(_POLL_SECONDS)


class _Position:
    """How far a reader has come: the inode it reads, and the offset in it."""

    def __init__(self) -> None:
        self._inode: int | None = None
        self._offset = 0

    def read_on(self, files: Sequence[Path]) -> bytes:
        """The next part; empty when there is none now."""
        inodes = [_inode(path) for path in files]
        start = inodes.index(self._inode) if self._inode in inodes else 0
        for path, inode in list(zip(files, inodes, strict=True))[start:]:
            if inode is None:
                continue
            if inode != self._inode:
                self._inode, self._offset = inode, 0
            part = self._read(path)
            if part:
                return part
        return b""

    def _read(self, path: Path) -> bytes:
        try:
            with path.open("rb") as file:
                if os.fstat(file.fileno()).st_ino != self._inode:
                    return b""
                file.seek(self._offset)
                part = file.read(_CHUNK_BYTES)
        except FileNotFoundError:
            return b""
        self._offset += len(part)
        return part

    def last_lines(self, files: Sequence[Path], count: int) -> bytes:
        """The last lines, read from the end of the newest file backwards."""
        collected = b""
        for path in reversed(files):
            try:
                with path.open("rb") as file:
                    end = file.seek(0, os.SEEK_END)
                    if self._inode is None:
                        self._inode, self._offset = os.fstat(file.fileno()).st_ino, end
                    while end > 0 and collected.count(b"\n") <= count:
                        start = max(0, end - _CHUNK_BYTES)
                        file.seek(start)
                        collected = file.read(end - start) + collected
                        end = start
            except FileNotFoundError:
                continue
            if collected.count(b"\n") > count:
                break
        return _last(collected, count)


def _last(text: bytes, count: int) -> bytes:
    ending = b"\n" if text.endswith(b"\n") else b""
    lines = text.removesuffix(ending).split(b"\n") if ending else text.split(b"\n")
    return b"\n".join(lines[-count:]) + ending if count and text else b""


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None
