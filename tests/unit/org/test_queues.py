"""The tree as the scheduler gets it, and what is made of a store from before there were quotas."""

from dataclasses import replace

import pytest
from sqlalchemy import Connection, select, text, update

from windlass.engines.engine import Device, Node
from windlass.kit.clock import ManualClock
from windlass.kit.database import Database
from windlass.org.first_tree import FirstTree, create_first_tree
from windlass.org.nodes import register_nodes
from windlass.org.queues import load_queues
from windlass.org.resource_store import load_resources, save_resources
from windlass.org.resources import NEW_POOL, UNLIMITED, Resources, Share
from windlass.org.tables import node, node_pool, project, project_resources
from windlass.org.tree import pools_of
from windlass.scheduling import Quota

GPU = 1_000_000


@pytest.fixture
def tree(database: Database) -> FirstTree:
    return database.write(
        lambda connection: create_first_tree(connection, "localhost", "admin", ManualClock())
    )


def test_the_first_project_has_no_bounds(database: Database, tree: FirstTree) -> None:
    with database.read() as connection:
        loaded = load_queues(connection, tree.cluster_id, [int(tree.project_id)])
    department, child = loaded.queues
    assert child.parent == department.id
    assert (department.name, child.name) == ("department default", "project default")
    assert child.gpu == child.cpu == child.memory == Quota(None, None, 2.0)
    assert (child.rank, child.pool) == (65, "default")
    assert loaded.default_pools == {int(tree.project_id): ("default",)}
    assert loaded.pool_of({"any": "label"}) == "default"


def test_quotas_ranks_and_pools_reach_the_scheduler(database: Database, tree: FirstTree) -> None:
    number = int(tree.project_id)
    given = Resources(
        gpu=Share(3 * GPU, 5 * GPU, 0.5),
        cpu=Share(2000, None, 0),
        memory=Share(None, 10**9, 1),
        rank="high",
    )

    def work(connection: Connection) -> None:
        pool = connection.execute(select(node_pool.c.id)).scalar_one()
        save_resources(connection, project_resources, number, {pool: given})
        connection.execute(
            update(node_pool).values(gpu_strategy="spread", minimum_guaranteed_runtime="1h30m")
        )
        connection.execute(update(project).values(default_node_pools=["other", "default"]))

    database.write(work)
    with database.read() as connection:
        loaded = load_queues(connection, tree.cluster_id, [number])
    child = loaded.queues[1]
    assert child.gpu == Quota(3 * GPU, 5 * GPU, 0.5)
    assert child.cpu == Quota(2000, 2000, 0), "who has no weight has no more than is deserved"
    assert child.memory == Quota(None, 10**9, 1)
    assert child.rank == 125
    assert loaded.settings["default"].gpu_strategy == "spread"
    assert loaded.settings["default"].guaranteed_runtime == 5400
    assert loaded.default_pools[number] == ("other", "default")


def test_a_unit_without_a_word_about_a_pool_has_what_everybody_has(
    database: Database, tree: FirstTree
) -> None:
    number = int(tree.project_id)
    database.write(lambda connection: connection.execute(project_resources.delete()))
    with database.read() as connection:
        child = load_queues(connection, tree.cluster_id, [number]).queues[1]
    assert child.gpu == Quota(0, None, 2.0)
    assert child.cpu == Quota(None, None, 2.0)
    assert NEW_POOL.gpu == Share(0, None, 2.0)


def test_nodes_are_noted_changed_and_forgotten(database: Database, tree: FirstTree) -> None:
    machine = Node("n0", 1000, 2**30, (Device("SIM-0", 0, "H100-80GB", 80),), {"a": "b"})

    def register(*nodes: Node) -> list[tuple[str, dict[str, str], int]]:
        database.write(lambda c: register_nodes(c, tree.cluster_id, nodes, 1.0))
        with database.read() as connection:
            rows = connection.execute(select(node).order_by(node.c.name)).all()
        return [(row.name, row.labels, row.gpu_count) for row in rows]

    assert register(machine) == [("n0", {"a": "b"}, 1)]
    with database.read() as connection:
        first = connection.execute(select(node.c.id)).scalar_one()
    changed = replace(machine, labels={"a": "c"})
    assert register(changed, replace(machine, name="n1")) == [
        ("n0", {"a": "c"}, 1),
        ("n1", {"a": "b"}, 1),
    ]
    with database.read() as connection:
        kept = connection.execute(select(node.c.id).where(node.c.name == "n0")).scalar_one()
        assert pools_of(connection, tree.cluster_id).name_of_node("n0") == "default"
    assert kept == first, "a node that changes stays the same node"
    assert register(changed) == [("n0", {"a": "c"}, 1)]


def test_nothing_is_written_of_nodes_that_are_known(database: Database, tree: FirstTree) -> None:
    changes = text("SELECT COUNT(*) FROM change")
    machine = Node("n0", 1000, 2**30)

    def count() -> int:
        database.write(lambda c: register_nodes(c, tree.cluster_id, [machine], 1.0))
        with database.read() as connection:
            return int(connection.execute(changes).scalar_one())

    assert count() == count()


def test_resources_come_back_as_they_were_saved(database: Database, tree: FirstTree) -> None:
    number, huge = int(tree.project_id), Share(2**62, 2**62, 1e-3)
    given = Resources(huge, Share(0, 0, 0), Share(1, None, 7), "GB", "very-low")

    def work(connection: Connection) -> dict[int, Resources]:
        pool = connection.execute(select(node_pool.c.id)).scalar_one()
        before = load_resources(connection, project_resources, [number])[number]
        assert before == {pool: UNLIMITED}
        save_resources(connection, project_resources, number, {pool: given})
        return load_resources(connection, project_resources, [number])[number]

    assert list(database.write(work).values()) == [given]
