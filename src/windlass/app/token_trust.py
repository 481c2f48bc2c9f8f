"""Keeps the gateway told which tokens count."""

from collections.abc import Iterable

from windlass.gateway.gateway import Gateway, TokenTrust
from windlass.identity.revocation import revoked_ids
from windlass.identity.tokens import AUDIENCE, TokenAuthority
from windlass.identity.trust import ALL
from windlass.kit.database import Database


class TokenTrustReconciler:
    """Its one key stands for all tokens."""

    def __init__(
        self, database: Database, authority: TokenAuthority, gateway: Gateway, epoch: int
    ) -> None:
        self._database = database
        self._authority = authority
        self._gateway = gateway
        self._epoch = epoch

    def list_keys(self) -> Iterable[str]:
        """The one there is."""
        return [ALL]

    def reconcile(self, _key: str) -> None:
        """Tell the gateway. Raises GatewayUnavailable, StaleEpoch, Unavailable."""
        self._gateway.trust(self.current(), self._epoch)

    def current(self) -> TokenTrust:
        """Which tokens count now. Raises Unavailable."""
        with self._database.read() as connection:
            revoked = revoked_ids(connection)
        return TokenTrust(self._authority.issuer, self._authority.jwks(), AUDIENCE, tuple(revoked))
