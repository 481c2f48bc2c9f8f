"""What the gateway has to know of tokens: when it changes, the controllers tell it."""

from sqlalchemy import Connection

from windlass.control.changes import record_change

TOKEN_TRUST = "token_trust"
"""The kind of change after which keys or revocations are others than before."""
ALL = "all"
"""Its only key."""


def trust_changed(connection: Connection) -> None:
    """Say so, in the transaction that changes it."""
    record_change(connection, TOKEN_TRUST, ALL)
