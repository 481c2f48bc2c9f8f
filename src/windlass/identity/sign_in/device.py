"""Signing in a device that has no browser, such as a terminal (RFC 8628)."""

import secrets
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, delete, insert, select, update

from windlass.identity.passwords import hash_secret, new_secret
from windlass.identity.sign_in.accounts import Account, account_of_user
from windlass.identity.tables import device_authorization, user
from windlass.kit.clock import Clock
from windlass.kit.database import Database

LIFETIME_SECONDS = 600.0
INTERVAL_SECONDS = 2.0
"""How often a device may ask."""
# No vowels, so that no words come out, and nothing that looks like something else.
_ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
_HALF = 4


@dataclass(frozen=True, slots=True)
class DeviceCodes:
    """What a device asks with, and what its user types in."""

    device_code: str
    user_code: str


class Waiting(StrEnum):
    """Why a device gets no token yet, in the words of the standard."""

    PENDING = "authorization_pending"
    TOO_FAST = "slow_down"
    ENDED = "expired_token"


class Devices:
    """The use cases. Thread-safe."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def begin(self) -> DeviceCodes:
        """Codes for one sign-in."""
        codes = DeviceCodes(new_secret(), _user_code())
        values = {
            "device_hash": hash_secret(codes.device_code),
            "user_code": codes.user_code,
            "expires_at": self._clock.now() + LIFETIME_SECONDS,
            "asked_at": 0.0,
        }
        self._database.write(
            lambda connection: connection.execute(insert(device_authorization).values(**values))
        )
        return codes

    def waits(self, user_code: str) -> bool:
        """Whether some device shows this code."""
        query = select(device_authorization.c.user_code).where(
            device_authorization.c.user_code == user_code,
            device_authorization.c.expires_at > self._clock.now(),
            device_authorization.c.user_id.is_(None),
        )
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def account(self, connection: Connection, device_code: str) -> Account | Waiting:
        """Who has signed in for the device; it is told once."""
        now = self._clock.now()
        own = device_authorization.c.device_hash == hash_secret(device_code)
        row = connection.execute(select(device_authorization).where(own)).one_or_none()
        if row is None or row.expires_at <= now:
            return Waiting.ENDED
        if row.user_id is None:
            connection.execute(update(device_authorization).where(own).values(asked_at=now))
            too_fast = now - row.asked_at < INTERVAL_SECONDS / 2
            return Waiting.TOO_FAST if too_fast else Waiting.PENDING
        connection.execute(delete(device_authorization).where(own))
        found = select(user).where(user.c.id == row.user_id, user.c.enabled)
        owner = connection.execute(found).one_or_none()
        return Waiting.ENDED if owner is None else account_of_user(owner)


def readable_code(text: str) -> str:
    """What somebody typed, as codes are kept: in any case, with or without the hyphen."""
    letters = "".join(character for character in text.upper() if character.isalnum())
    return f"{letters[:_HALF]}-{letters[_HALF : 2 * _HALF]}"


def _user_code() -> str:
    return readable_code("".join(secrets.choice(_ALPHABET) for _ in range(2 * _HALF)))
