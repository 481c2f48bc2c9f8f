"""What has to be there before anything runs: schema, first tree, first administrator, keys."""

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, insert, select

from windlass.app.data_directory import DataDirectory, read_json, write_json
from windlass.app.schema import bring_up_to_date
from windlass.app.scopes import TreeOfScopes
from windlass.assets.shipped import bring_in_shipped
from windlass.control.tables import installation
from windlass.identity.administrator import FirstCredentials, create_administrator, new_credentials
from windlass.identity.signing_keys import require_first_key
from windlass.kit.clock import Clock
from windlass.kit.database import Database
from windlass.kit.sealing import Seal, load_or_create_seal
from windlass.org.first_tree import FirstTree, create_first_tree, first_tree

_DATA_DIRECTORY = "data_directory"
_CREDENTIALS = ("username", "password", "client_id", "client_secret")


class OtherDirectory(Exception):
    """The store belongs to a platform with another data directory."""


@dataclass(frozen=True, slots=True)
class Foundation:
    """What every process of the control plane starts from."""

    tree: FirstTree
    seal: Seal
    administrator: dict[str, Any]
    """What `admin.json` says of the first administrator."""


def lay_foundation(
    data: DataDirectory, database: Database, domain: str, clock: Clock
) -> Foundation:
    """Make what is missing; safe to repeat after being killed at any point, and to do at once for
    several data directories.

    Raises NewerStore, OtherDirectory, Unsealable, Unavailable, or OSError.
    """
    with database.prepared_alone():
        return _lay_foundation(data, database, domain, clock)


def _lay_foundation(
    data: DataDirectory, database: Database, domain: str, clock: Clock
) -> Foundation:
    bring_up_to_date(database)
    seal = load_or_create_seal(data.sealing_key)
    administrator = {
        name: value for name, value in read_json(data.administrator).items() if name in _CREDENTIALS
    }
    with database.read() as connection:
        tree = first_tree(connection)
    if tree is None:
        # On disk before they count, so that they are never lost between the two.
        if set(administrator) != set(_CREDENTIALS):
            administrator = asdict(new_credentials())
            write_json(data.administrator, administrator)
        credentials = FirstCredentials(**administrator)
        tree = database.write(lambda c: _first_rows(c, credentials, domain, data, clock))
    _require_same_directory(database, data)
    bring_in_shipped(database, tree.tenant_id, clock)
    require_first_key(database, seal, clock, data.former_signing_key)
    return Foundation(tree, seal, administrator)


def _first_rows(
    connection: Connection,
    credentials: FirstCredentials,
    domain: str,
    data: DataDirectory,
    clock: Clock,
) -> FirstTree:
    tree = create_first_tree(connection, domain, credentials.username, clock)
    tenant = TreeOfScopes().find(connection, "tenant", str(tree.tenant_id))
    assert tenant is not None
    create_administrator(connection, credentials, tenant, clock)
    connection.execute(insert(installation).values(name=_DATA_DIRECTORY, value=str(data.root)))
    return tree


def _require_same_directory(database: Database, data: DataDirectory) -> None:
    query = select(installation.c.value).where(installation.c.name == _DATA_DIRECTORY)
    with database.read() as connection:
        recorded = connection.execute(query).scalar_one()
    # An embedded store moves with its directory.
    if not database.is_sqlite and recorded != str(data.root):
        raise OtherDirectory(
            f"This database belongs to the platform in {recorded}, whose replicas run on this "
            f"machine. Add a control plane to it with '--join {recorded}', or use another "
            "--database."
        )
