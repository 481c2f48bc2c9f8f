"""Gives every owner a user id of its own, where the platform may change users."""

import fcntl
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

_FIRST = 2_000_000_000
"""Above every range that Linux distributions assign to people, services, containers or subordinate
ids; see https://systemd.io/UIDS-GIDS/."""
_NOBODYS = _FIRST - 1
_PLATFORMS = 14_000
_OWNERS = 10_000
_ROOT_CAPABILITIES = (0, 5, 6, 7)
"""CAP_CHOWN, CAP_KILL, CAP_SETGID and CAP_SETUID, as in capabilities(7)."""


class UsersExhausted(Exception):
    """There are more owners than user ids."""


class OwnerUsers:
    """A stable user id per owner, kept in a file.

    Each platform has a range of its own, derived from where it keeps its data, so that the owners
    of two platforms on one machine are strangers, too.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def uid(self, owner: str) -> int:
        """The owner's user id, which is also its group id; given when first asked for.

        Raises UsersExhausted, or OSError when it cannot be written down.
        """
        known = _read(self._file)
        if owner in known:
            return known[owner]
        lock = os.open(
            self._file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return self._allocate(owner)
        finally:
            os.close(lock)

    def likely_uid(self, owner: str) -> int:
        """The owner's user id, or where it has none yet, one that nobody has. Writes nothing."""
        return _read(self._file).get(owner, _NOBODYS)

    def _allocate(self, owner: str) -> int:
        known = _read(self._file)
        if owner in known:
            return known[owner]
        first = min(known.values()) if known else self._first()
        uid = max(known.values(), default=first - 1) + 1
        if uid >= first + _OWNERS:
            raise UsersExhausted(f"all {_OWNERS} user ids of this platform are taken")
        temporary = self._file.with_suffix(".new")
        temporary.write_text(json.dumps({**known, owner: uid}), encoding="utf-8")
        os.replace(temporary, self._file)
        return uid

    def _first(self) -> int:
        digest = hashlib.sha256(str(self._file.absolute()).encode()).digest()
        return _FIRST + int.from_bytes(digest[:8], "big") % _PLATFORMS * _OWNERS


def can_change_users() -> bool:
    """Whether this process may run others as the users that OwnerUsers gives."""
    return os.geteuid() == 0 and _has_capabilities() and _is_mapped(_FIRST + _PLATFORMS * _OWNERS)


def _has_capabilities() -> bool:
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff":
            effective = int(value, 16)
            return all(effective >> capability & 1 for capability in _ROOT_CAPABILITIES)
    return False


def _is_mapped(uid: int) -> bool:
    """Whether the user namespace knows the id; in an unprivileged container it may not."""
    for line in Path("/proc/self/uid_map").read_text().splitlines():
        first, _, count = (int(word) for word in line.split())
        if first <= uid < first + count:
            return True
    return False


def _read(file: Path) -> Mapping[str, int]:
    try:
        return {str(owner): int(uid) for owner, uid in json.loads(file.read_text()).items()}
    except FileNotFoundError:
        return {}
