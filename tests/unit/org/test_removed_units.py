"""Units that are gone: kept while something of them is shown, then forgotten."""

from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, update

from windlass.kit.clock import ManualClock
from windlass.kit.database import Database
from windlass.kit.ids import new_id
from windlass.org.departments import retire_department
from windlass.org.first_tree import FirstTree, create_first_tree, first_tree
from windlass.org.scopes import Unit
from windlass.org.tables import department, project, project_resources
from windlass.workloads.housekeeping import remove_old_records
from windlass.workloads.queries import DELETED_KEPT_SECONDS
from windlass.workloads.tables import workload


@pytest.fixture
def tree(database: Database) -> FirstTree:
    """The first tree, whose department is gone with its project."""

    def work(connection: Connection) -> FirstTree:
        made = create_first_tree(connection, "localhost", "admin", ManualClock())
        unit = Unit(made.tenant_id, made.cluster_id, made.department_id, name="default")
        connection.execute(insert(workload).values(**row_of(made)))
        retire_department(connection, unit, 1.0)
        return made

    return database.write(work)


def row_of(tree: FirstTree) -> dict[str, Any]:
    return {
        "id": new_id(),
        "type": "Inference",
        "name": "gone",
        "requested_name": "gone",
        "tenant_id": tree.tenant_id,
        "cluster_id": tree.cluster_id,
        "department_id": int(tree.department_id),
        "project_id": int(tree.project_id),
        "created_by": "admin",
        "created_at": 0.0,
        "updated_at": 0.0,
        "deleted_at": 0.0,
        "spec": {},
        "revision_id": new_id(),
        "category": "Deploy",
        "priority_class": "high",
        "priority": 125,
        "preemptible": False,
        "image": "host/canary",
        "desired_phase": "Deleted",
        "phase": "Deleted",
        "phase_message": "",
        "phase_updated_at": 0.0,
        "running_pods": 0,
        "wanted_replicas": 0,
        "is_autoscaled": False,
    }


def names(database: Database) -> list[str]:
    with database.read() as connection:
        return [
            name
            for table in (department, project)
            for name in connection.execute(select(table.c.name)).scalars()
        ]


def test_they_are_kept_under_another_name_while_a_workload_is_shown(
    database: Database, tree: FirstTree
) -> None:
    remove_old_records(database, DELETED_KEPT_SECONDS - 1)
    assert names(database) == [
        f"default, deleted ({tree.department_id})",
        f"default, deleted ({tree.project_id})",
    ]
    with database.read() as connection:
        assert connection.execute(select(project_resources)).all() == []


def test_they_are_forgotten_with_the_last_of_them(database: Database, tree: FirstTree) -> None:
    assert tree.project_id
    remove_old_records(database, DELETED_KEPT_SECONDS + 1)
    assert names(database) == []


def test_living_units_stay(database: Database, tree: FirstTree) -> None:
    restored = update(project).values(deleted_at=None)
    database.write(lambda connection: connection.execute(restored))
    remove_old_records(database, DELETED_KEPT_SECONDS + 1)
    assert len(names(database)) == 2, "a department stays for as long as its project"
    assert tree.project_id


def test_a_platform_starts_without_any_project(database: Database, tree: FirstTree) -> None:
    with database.read() as connection:
        found = first_tree(connection)
    assert found == FirstTree(tree.tenant_id, tree.cluster_id, "", "", "")
