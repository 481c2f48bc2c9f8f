"""Use cases of applications, which are service accounts: one thing under two names."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from windlass.audit.origin import concerns
from windlass.audit.trail import Action, Entity, record
from windlass.identity.access_rules import APP, SERVICE_ACCOUNT, end_rules_of_subject
from windlass.identity.applications.schemas import ApplicationChangeRequest
from windlass.identity.names import NamedCreationRequest
from windlass.identity.passwords import hash_secret, new_secret
from windlass.identity.revocation import revoke_generation
from windlass.identity.tables import application
from windlass.identity.tokens import Caller
from windlass.kit.clock import Clock
from windlass.kit.database import Database
from windlass.kit.errors import Conflict, NotFound
from windlass.kit.ids import new_id


@dataclass(frozen=True, slots=True)
class CreatedApplication:
    """A new application, with its secret, which is told this once."""

    id: str
    client_id: str
    secret: str


class Applications:
    """Every method acts for its `caller`. Thread-safe."""

    def __init__(
        self, database: Database, clock: Clock, wake: Callable[[], None] = lambda: None
    ) -> None:
        """`wake` is called after tokens were revoked."""
        self._database = database
        self._clock = clock
        self._wake = wake

    def list_all(self, caller: Caller) -> list[Row[Any]]:
        """The applications of the caller's tenant, by name."""
        listed = select(application).where(application.c.tenant_id == caller.tenant_id)
        with self._database.read() as connection:
            return list(connection.execute(listed.order_by(application.c.client_id)))

    def show(self, application_id: str, caller: Caller) -> Row[Any]:
        """One application. Raises NotFound."""
        with self._database.read() as connection:
            return _find(connection, application_id, caller)

    def create(self, request: NamedCreationRequest, caller: Caller) -> CreatedApplication:
        """A new application. Raises Conflict where there is one of that name."""
        concerns(request.name)
        created = CreatedApplication(new_id(), request.name, new_secret())
        now = self._clock.now()
        values = {
            "id": created.id,
            "tenant_id": caller.tenant_id,
            "client_id": created.client_id,
            "secret_hash": hash_secret(created.secret),
            "enabled": True,
            "generation": new_id(),
            "created_by": caller.name,
            "created_at": now,
            "updated_at": now,
        }

        def work(connection: Connection) -> None:
            connection.execute(insert(application).values(**values))
            _record(connection, Action.CREATE, created.id, created.client_id)

        try:
            self._database.write(work)
        except IntegrityError:
            raise Conflict(f"name: there is a service account {request.name!r} already") from None
        return created

    def change(
        self, application_id: str, request: ApplicationChangeRequest, caller: Caller
    ) -> None:
        """Let an application sign in, or not any more; then all its tokens end.

        Raises NotFound, or Conflict for the caller itself.
        """

        def work(connection: Connection) -> None:
            row = _find(connection, application_id, caller)
            if not request.enabled:
                _require_another(row, caller, "disable")
                revoke_generation(connection, application, row.id, self._clock)
            self._set(connection, row.id, enabled=request.enabled)
            _record(connection, Action.UPDATE, row.id, row.client_id)

        self._database.write(work)
        self._wake()

    def delete(self, application_id: str, caller: Caller) -> None:
        """Remove an application and its access rules; all its tokens end.

        Raises NotFound, or Conflict for the caller itself and the last administrator.
        """

        def work(connection: Connection) -> None:
            row = _find(connection, application_id, caller)
            _require_another(row, caller, "delete")
            revoke_generation(connection, application, row.id, self._clock)
            subject_types = (APP, SERVICE_ACCOUNT)
            end_rules_of_subject(connection, subject_types, row.client_id, self._clock.now())
            connection.execute(delete(application).where(application.c.id == row.id))
            _record(connection, Action.DELETE, row.id, row.client_id)

        self._database.write(work)
        self._wake()

    def regenerate_secret(self, application_id: str, caller: Caller) -> str:
        """A new secret in the place of the old one, whose tokens end. Raises NotFound."""
        secret = new_secret()

        def work(connection: Connection) -> None:
            row = _find(connection, application_id, caller)
            revoke_generation(connection, application, row.id, self._clock)
            self._set(connection, row.id, secret_hash=hash_secret(secret))
            _record(connection, Action.UPDATE, row.id, row.client_id)

        self._database.write(work)
        self._wake()
        return secret

    def _set(self, connection: Connection, application_id: str, **values: Any) -> None:
        changed = update(application).where(application.c.id == application_id)
        connection.execute(changed.values(updated_at=self._clock.now(), **values))


def _find(connection: Connection, application_id: str, caller: Caller) -> Row[Any]:
    found = select(application).where(
        application.c.id == application_id, application.c.tenant_id == caller.tenant_id
    )
    row = connection.execute(found).one_or_none()
    if row is None:
        raise NotFound(f"There is no service account {application_id!r}.")
    concerns(row.client_id, row.id)
    return row


def _record(connection: Connection, action: Action, application_id: str, name: str) -> None:
    record(connection, action, Entity("service-account", application_id, name))


def _require_another(row: Row[Any], caller: Caller, verb: str) -> None:
    if row.id == caller.id:
        raise Conflict(f"You cannot {verb} the service account that you are signed in with.")
