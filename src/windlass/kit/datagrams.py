"""Unix datagram sockets by which processes of one machine tell each other of changes.

An address is a path, or an abstract name (unix(7)) after an `@`.
"""

import contextlib
import hashlib
import os
import socket
from pathlib import Path

_LONGEST_PATH = 100


def address_at(path: Path) -> str:
    """The address for that place: deep down, where a path would be too long for a socket, it is an
    abstract one."""
    text = str(path)
    if len(os.fsencode(text)) <= _LONGEST_PATH:
        return text
    return f"@windlass-{hashlib.sha256(os.fsencode(text)).hexdigest()[:32]}"


def native(address: str) -> str:
    """The address as the `socket` module takes it."""
    return f"\0{address[1:]}" if address.startswith("@") else address


def listen(address: str) -> socket.socket:
    """A socket there, in the place of whoever listened before; a path opens to its owner alone."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    is_path = not address.startswith("@")
    if is_path:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(address)
    listening.bind(native(address))
    if is_path:
        os.chmod(address, 0o600)
    return listening
