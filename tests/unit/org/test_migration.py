"""What becomes of a store from before there were quotas: nothing in it is limited afterwards."""

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, select, text

from windlass.app.schema import bring_up_to_date
from windlass.kit.database import Database
from windlass.org.first_tree import first_tree
from windlass.org.queues import load_queues
from windlass.org.tables import node_pool, project, tenant

BEFORE = "0004_identity"
ROWS = (
    "INSERT INTO tenant (id, name, created_at) VALUES (1001, 'default', 1)",
    "INSERT INTO cluster (id, tenant_id, name, domain, created_at)"
    " VALUES ('c', 1001, 'default', 'localhost', 1)",
    "INSERT INTO node_pool (id, cluster_id, name, created_at) VALUES (100001, 'c', 'default', 1)",
    "INSERT INTO department (id, cluster_id, name, created_at, created_by)"
    " VALUES (4500001, 'c', 'default', 2, 'somebody')",
    "INSERT INTO project (id, department_id, cluster_id, name, created_at, created_by)"
    " VALUES (4500002, 4500001, 'c', 'default', 2, 'somebody')",
)


def test_what_was_there_goes_on_without_bounds(database_url: str) -> None:
    database = Database(database_url)
    database.write(_as_it_was)
    bring_up_to_date(database)
    with database.read() as connection:
        tree = first_tree(connection)
        assert tree is not None
        assert (tree.cluster_id, tree.project_id) == ("c", "4500002")
        queues = load_queues(connection, "c", [4500002]).queues
        unit = connection.execute(select(project)).one()
        pool = connection.execute(select(node_pool)).one()
        last_id = connection.execute(select(tenant.c.last_unit_id)).scalar_one()
    database.close()
    assert [queue.gpu.deserved for queue in queues] == [None, None]
    assert (unit.updated_at, unit.updated_by, unit.deleted_at) == (2, "somebody", None)
    assert (pool.is_default, pool.created_by, pool.gpu_strategy) == (True, "somebody", "binpack")
    assert last_id == 4500002


def _as_it_was(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", "src/windlass/migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, BEFORE)
    for row in ROWS:
        connection.execute(text(row))
