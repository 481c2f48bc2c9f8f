"""Rotation of the key that secrets in the store are sealed with, while everybody works on."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends
from sqlalchemy import Column, Connection, Table, select, update

from windlass.assets.tables import asset
from windlass.audit.trail import Action, Entity, record
from windlass.identity.roles import ResourceType
from windlass.identity.tables import identity_provider, signing_key
from windlass.kit.database import Database
from windlass.kit.http import error_responses
from windlass.kit.sealing import Seal

_PATH = "/api/v1/platform/keys/rotate"
_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class _Sealed:
    """A column of sealed secrets, with its row's key."""

    table: Table
    key: Column[Any]
    secret: Column[Any]
    key_id: Column[Any] | None = None
    """Where it is told which key sealed it."""


_SEALED = (
    _Sealed(signing_key, signing_key.c.id, signing_key.c.sealed_private_key),
    _Sealed(identity_provider, identity_provider.c.alias, identity_provider.c.sealed_client_secret),
    _Sealed(asset, asset.c.id, asset.c.sealed_secrets, asset.c.sealing_key_id),
)


@dataclass(frozen=True, slots=True)
class SealingKeys:
    """What rotation needs."""

    database: Database
    seal: Seal
    lock_file: Path

    def rotate(self) -> dict[str, int]:
        """Seal everything anew with a new key; its number, and how many secrets that were.

        What somebody writes with the key before it meanwhile can still be read, and is sealed anew
        at the next rotation. Raises Unavailable; asked again then, it goes on.
        """
        with self._alone():
            # The oldest key is forgotten below: nothing may still need it.
            self._seal_anew()
            # A key in a file is in no transaction: its record comes before it, rather than never.
            self.database.write(partial(_record, self.seal.key_id + 1))
            key_id = self.seal.rotate()
            count = self._seal_anew()
        return {"keyId": key_id, "secrets": count}

    @contextmanager
    def _alone(self) -> Iterator[None]:
        descriptor = os.open(self.lock_file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _seal_anew(self) -> int:
        return sum(self._seal_column_anew(sealed) for sealed in _SEALED)

    def _seal_column_anew(self, sealed: _Sealed) -> int:
        query = select(sealed.key, sealed.secret).where(sealed.secret.is_not(None))
        with self.database.read() as connection:
            rows = [
                (row[0], row[1])
                for row in connection.execute(query)
                if not self.seal.is_current(row[1])
            ]
        for first in range(0, len(rows), _AT_ONCE):
            some = rows[first : first + _AT_ONCE]
            self.database.write(partial(self._save, sealed, some))
        return len(rows)

    def _save(self, sealed: _Sealed, rows: list[tuple[Any, str]], connection: Connection) -> None:
        for key, secret in rows:
            values: dict[Any, Any] = {sealed.secret: self.seal.seal(self.seal.open(secret))}
            if sealed.key_id is not None:
                values[sealed.key_id] = self.seal.key_id
            # Unless somebody has written another secret since.
            unchanged = [sealed.key == key, sealed.secret == secret]
            connection.execute(update(sealed.table).where(*unchanged).values(values))


def router(keys: SealingKeys, authenticated: Callable[..., Any]) -> APIRouter:
    """The route of the rotation."""
    routes = APIRouter(
        tags=["Platform"],
        dependencies=[Depends(authenticated)],
        responses=error_responses(401, 403, 503),
    )

    @routes.post(_PATH, summary="Seal the secrets in the store with a new key")
    def rotate_sealing_key() -> dict[str, int]:
        return keys.rotate()

    return routes


def _record(key_id: int, connection: Connection) -> None:
    entity = Entity(ResourceType.SECURITY_SETTINGS.value, str(key_id), "sealing key")
    record(connection, Action.UPDATE, entity)
