"""Secrets that only their owners know: made here, kept as hashes."""

import asyncio
import hashlib
import hmac
import os
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from windlass.kit.errors import BadRequest, TooManyRequests

Result = TypeVar("Result")

# One lane, so that a hash takes one core for a tenth of a second rather than all of them.
_hasher = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)

SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 1024
_NICENESS = 5


def new_secret() -> str:
    """A random secret of 192 bits."""
    return secrets.token_urlsafe(24)


def hash_password(password: str) -> str:
    """What to keep of a password, which its owner may have chosen."""
    return _hasher.hash(password)


def hash_secret(secret: str) -> str:
    """What to keep of a secret made by `new_secret`: too long to be guessed at any speed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_secret(secret: str, stored_hash: str | None) -> bool:
    """Whether this is the secret; with no stored hash, False after the same effort."""
    return hmac.compare_digest(hash_secret(secret), stored_hash or "")


def is_password(password: str, stored_hash: str | None) -> bool:
    """Whether this is the password; with no stored hash, False after the same effort."""
    try:
        return _hasher.verify(stored_hash or _nobody(), password) and stored_hash is not None
    except (VerificationError, InvalidHashError):
        return False


def require_good_password(field: str, password: str, username: str) -> None:
    """Raises BadRequest for one that is guessed first. The rules are those of NIST SP 800-63B."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise BadRequest(
            f"{field}: must be {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters long"
        )
    if password.lower() in (username.lower(), username.lower().partition("@")[0]):
        raise BadRequest(f"{field}: must not be the user's name")


class PasswordWork:
    """Hashes and checks passwords beside the requests, never in their way.

    Each takes a tenth of a second of one core. They wait for one thread that others go
    before; where many wait already, whoever comes next is asked to come again.
    """

    def __init__(self, waiting_strangers: int = 16, waiting: int = 32) -> None:
        """No more than `waiting` wait, and of those who never signed in from where they are no
        more than `waiting_strangers`."""
        self._executor = ThreadPoolExecutor(1, "passwords", initializer=_yield_to_others)
        self._lock = threading.Lock()
        self._waiting = 0
        self._limits = {False: waiting_strangers, True: waiting}

    def hash(self, password: str) -> str:
        """`hash_password` for a thread that waits. Raises TooManyRequests."""
        return self._submit(lambda: hash_password(password), known=True).result()

    def check(self, password: str, stored_hash: str | None) -> bool:
        """`is_password` for a thread that waits. Raises TooManyRequests."""
        return self._submit(lambda: is_password(password, stored_hash), known=True).result()

    async def check_for(self, password: str, stored_hash: str | None, *, known: bool) -> bool:
        """`is_password` for somebody signing in, who did before from there if `known`.

        Raises TooManyRequests.
        """
        work = self._submit(lambda: is_password(password, stored_hash), known=known)
        return await asyncio.wrap_future(work)

    def require_room(self, *, known: bool) -> None:
        """Raises TooManyRequests where somebody signing in would not be checked.

        To be asked before anything else is done for them.
        """
        if self._waiting >= self._limits[known]:
            raise TooManyRequests("Too many sign in at this moment. Try again.", 1)

    def _submit(self, work: Callable[[], Result], *, known: bool) -> "Future[Result]":
        with self._lock:
            self.require_room(known=known)
            self._waiting += 1
        submitted = self._executor.submit(work)
        submitted.add_done_callback(self._done)
        return submitted

    def _done(self, _work: "Future[Any]") -> None:
        with self._lock:
            self._waiting -= 1


def _yield_to_others() -> None:
    """On Linux a priority is a thread's own. With this one it gets a third of what others get."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


@cache
def _nobody() -> str:
    """What is verified when an account does not exist, so that the answer takes as long."""
    return _hasher.hash(secrets.token_urlsafe(16))
