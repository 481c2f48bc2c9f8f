"""Use cases of identity providers."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from windlass.audit.origin import concerns
from windlass.audit.trail import Action, Entity, record
from windlass.identity.providers.claims import DEFAULT_MAPPERS
from windlass.identity.providers.protocol import ProviderFailed, RelyingParty, discover
from windlass.identity.providers.schemas import Mappers, OidcData, ProviderRequest
from windlass.identity.revocation import revoke_user
from windlass.identity.tables import identity_provider, user
from windlass.identity.tokens import Caller
from windlass.kit.clock import Clock
from windlass.kit.database import Database
from windlass.kit.errors import BadRequest, Conflict, NotFound
from windlass.kit.sealing import Seal

OIDC = "oidc"
HIDDEN_SECRET = "********"
"""What is shown in the place of a secret."""
_DEFAULT_SCOPES = ["openid", "email", "profile"]


class Providers:
    """Every method that takes a `caller` acts for them. Thread-safe."""

    def __init__(
        self, database: Database, clock: Clock, seal: Seal, wake: Callable[[], None] = lambda: None
    ) -> None:
        """`wake` is called after tokens were revoked."""
        self._database = database
        self._clock = clock
        self._seal = seal
        self._wake = wake

    def list_all(self, caller: Caller) -> list[Row[Any]]:
        """The providers of the caller's tenant, by alias."""
        listed = select(identity_provider).where(identity_provider.c.tenant_id == caller.tenant_id)
        with self._database.read() as connection:
            return list(connection.execute(listed.order_by(identity_provider.c.alias)))

    def show(self, alias: str, caller: Caller) -> Row[Any]:
        """One provider. Raises NotFound."""
        with self._database.read() as connection:
            return _find(connection, alias, caller)

    def create(self, request: ProviderRequest, caller: Caller) -> str:
        """A new provider's alias.

        Raises BadRequest, also where it does not answer, or Conflict where there is one of that
        name.
        """
        alias = request.name or OIDC
        concerns(alias)
        values = {
            "alias": alias,
            "tenant_id": caller.tenant_id,
            "created_at": self._clock.now(),
            **self._values(request),
        }

        def work(connection: Connection) -> None:
            connection.execute(insert(identity_provider).values(**values))
            _record(connection, Action.CREATE, alias)

        try:
            self._database.write(work)
        except IntegrityError:
            raise Conflict(f"name: there is an identity provider {alias!r} already") from None
        return alias

    def replace(self, alias: str, request: ProviderRequest, caller: Caller) -> None:
        """Change all of a provider but its alias. Raises NotFound or BadRequest."""
        present = self.show(alias, caller)
        values = self._values(request)
        if request.oidcData and request.oidcData.clientSecret == HIDDEN_SECRET:
            # It was sent back as it is shown.
            values["sealed_client_secret"] = present.sealed_client_secret
        self._update(alias, values, caller)

    def change_mappers(self, alias: str, mappers: Mappers, caller: Caller) -> None:
        """Change which claim says what, from the next sign-in on. Raises NotFound."""
        self._update(alias, {"mappers": mappers.kept()}, caller)

    def delete(self, alias: str, caller: Caller) -> None:
        """Remove a provider; whoever signed in with it is signed out. Raises NotFound."""

        def work(connection: Connection) -> None:
            _find(connection, alias, caller)
            users = select(user.c.id).where(user.c.identity_provider == alias)
            for user_id in connection.execute(users).scalars().all():
                revoke_user(connection, user_id, self._clock)
            connection.execute(delete(identity_provider).where(identity_provider.c.alias == alias))
            _record(connection, Action.DELETE, alias)

        self._database.write(work)
        self._wake()

    def party(self, row: Row[Any]) -> RelyingParty:
        """The platform, as this provider knows it."""
        return RelyingParty(
            client_id=row.client_id,
            client_secret=self._seal.open(row.sealed_client_secret).decode(),
            scopes=tuple(row.scopes),
            discovery_url=row.discovery_url,
        )

    def _update(self, alias: str, values: dict[str, Any], caller: Caller) -> None:
        def work(connection: Connection) -> None:
            _find(connection, alias, caller)
            changed = update(identity_provider).where(identity_provider.c.alias == alias)
            connection.execute(changed.values(**values))
            _record(connection, Action.UPDATE, alias)

        self._database.write(work)

    def _values(self, request: ProviderRequest) -> dict[str, Any]:
        data = _oidc_data(request)
        try:
            discover(data.discoverDocumentUrl)
        except ProviderFailed as error:
            raise BadRequest(f"oidcData.discoverDocumentUrl: {error}") from None
        mandatory = data.mandatoryClaim
        return {
            "client_id": data.clientId,
            "sealed_client_secret": self._seal.seal(data.clientSecret.encode()),
            "discovery_url": data.discoverDocumentUrl,
            "scopes": sorted({"openid", *(data.scopes or _DEFAULT_SCOPES)}),
            "mandatory_claim": None if mandatory is None else mandatory.model_dump(),
            "mappers": request.mappers.kept() if request.mappers else {},
        }


def mappers_of(row: Row[Any]) -> dict[str, str]:
    """Which claim says what at a provider."""
    return {**DEFAULT_MAPPERS, **row.mappers}


def _oidc_data(request: ProviderRequest) -> OidcData:
    if request.type != OIDC:
        raise BadRequest(
            f"type: is {request.type!r}; this platform signs users in by OpenID Connect: {OIDC}"
        )
    if request.oidcData is None:
        raise BadRequest("oidcData: is required")
    return request.oidcData


def _find(connection: Connection, alias: str, caller: Caller) -> Row[Any]:
    found = select(identity_provider).where(
        identity_provider.c.alias == alias, identity_provider.c.tenant_id == caller.tenant_id
    )
    row = connection.execute(found).one_or_none()
    if row is None:
        raise NotFound(f"There is no identity provider {alias!r}.")
    concerns(alias)
    return row


def _record(connection: Connection, action: Action, alias: str) -> None:
    record(connection, action, Entity("security-settings", alias, alias))
