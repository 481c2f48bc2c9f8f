"""Secrets at rest: sealed in the store with a key that is not in it.

The keys lie in a file that only its owner reads, so that a copy of the store alone tells nothing.
The newest of them seals, all of them open: so one key can follow another while everybody works on.
"""

import os
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken


class Unsealable(ValueError):
    """The secret was sealed with another key than this platform's."""


@dataclass(frozen=True, slots=True)
class SealingKey:
    """One key. Each new one has the next number."""

    id: int
    key: bytes

    def line(self) -> bytes:
        """How the file has it."""
        return f"{self.id} ".encode() + self.key + b"\n"


class Seal:
    """Seals and opens secrets with the keys in a file. Thread-safe.

    The file is read again whenever it was replaced.
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError, or ValueError for a spoilt file."""
        self._path = path
        self._lock = threading.Lock()
        self._read_as: tuple[int, int] | None = None
        self._keys: Sequence[SealingKey] = ()
        self._current()

    @property
    def key_id(self) -> int:
        """The number of the key that seals now."""
        return self._current()[0].id

    def seal(self, secret: bytes) -> str:
        """What to keep of a secret: Fernet's format, which tells of any change."""
        return Fernet(self._current()[0].key).encrypt(secret).decode("ascii")

    def open(self, sealed: str) -> bytes:
        """The secret. Raises Unsealable."""
        for key in self._current():
            try:
                return Fernet(key.key).decrypt(sealed)
            except InvalidToken:
                continue
        raise Unsealable(
            "The secrets in the store were sealed with another key than the one in the data "
            "directory (keys/sealing.key). Put that file back from a backup."
        )

    def is_current(self, sealed: str) -> bool:
        """Whether it was sealed with the key that seals now."""
        try:
            Fernet(self._current()[0].key).decrypt(sealed)
        except InvalidToken:
            return False
        return True

    def rotate(self) -> int:
        """Have a new key seal from now on, in every process; its number.

        The last keys before it still open, for what is being written with them; older ones do not.
        """
        with self._lock:
            known = _read(self._path)
            added = SealingKey(known[0].id + 1, Fernet.generate_key())
            kept = [added, *known[:_FORMER_KEYS]]
            write_secret_file(self._path, b"".join(key.line() for key in kept))
        return added.id

    def _current(self) -> Sequence[SealingKey]:
        status = self._path.stat()
        mark = (status.st_ino, status.st_mtime_ns)
        with self._lock:
            if mark != self._read_as:
                self._keys = _read(self._path)
                self._read_as = mark
            return self._keys


def load_or_create_seal(path: Path) -> Seal:
    """The seal whose keys are in this file. Raises OSError, or ValueError for a spoilt file."""
    if not path.exists():
        write_secret_file(path, SealingKey(1, Fernet.generate_key()).line())
    return Seal(path)


def write_secret_file(path: Path, content: bytes) -> None:
    """Write a file that only its owner reads: it is there as a whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    partial.rename(path)


_FORMER_KEYS = 2
_LINE = re.compile(rb"(?:(?P<id>[0-9]{1,9}) )?(?P<key>[A-Za-z0-9_=-]+)")


def _read(path: Path) -> Sequence[SealingKey]:
    """The keys, newest first. Files of former versions have one key without a number."""
    keys = []
    for line in path.read_bytes().split(b"\n"):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise ValueError(f"{path} is not a file of sealing keys")
        Fernet(match["key"])
        keys.append(SealingKey(int(match["id"] or 1), match["key"]))
    if not keys:
        raise ValueError(f"{path} is empty; put it back from a backup")
    return sorted(keys, key=lambda key: key.id, reverse=True)
