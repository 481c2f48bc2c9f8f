"""Secrets at rest: sealed in the store with a key that is not in it.

The key lies in a file that only its owner reads, so that a copy of the store alone tells nothing.
"""

import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken


class Unsealable(ValueError):
    """The secret was sealed with another key than this platform's."""


class Seal:
    """Seals and opens secrets with one key. Thread-safe."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(key)

    def seal(self, secret: bytes) -> str:
        """What to keep of a secret: Fernet's format, which tells of any change."""
        return self._fernet.encrypt(secret).decode("ascii")

    def open(self, sealed: str) -> bytes:
        """The secret. Raises Unsealable."""
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken:
            raise Unsealable(
                "The secrets in the store were sealed with another key than the one in the data "
                "directory (keys/sealing.key). Put that file back from a backup."
            ) from None


def load_or_create_seal(path: Path) -> Seal:
    """The seal whose key is kept in this file. Raises OSError, or ValueError for a spoilt file."""
    if not path.exists():
        write_secret_file(path, Fernet.generate_key())
    return Seal(path.read_bytes().strip())


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
