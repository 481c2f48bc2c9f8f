"""What the use cases of the organisation need around them."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from windlass.control.changes import record_change
from windlass.kit.clock import Clock
from windlass.kit.database import Database
from windlass.org.access import Access
from windlass.org.occupancy import Occupancy

ORGANISATION = "organisation"
"""The kind of change that says that quotas, node pools or nodes are not what they were."""
EVERYTHING = "everything"
"""The one key of that kind."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The store, the time, who may do what, what is inside of units, and who hears of changes."""

    database: Database
    clock: Clock
    access: Access
    occupancy: Occupancy
    wake: Callable[[], None]


def record_organisation_change(connection: Connection) -> None:
    """Say, in the transaction that changes it, that the tree is not what it was."""
    record_change(connection, ORGANISATION, EVERYTHING)
