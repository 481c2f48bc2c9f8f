"""Paths of units, and what is found by them."""

from collections.abc import Iterable

import pytest
from sqlalchemy import Connection, cast, insert, select
from sqlalchemy.types import String

from windlass.identity.permissions import covers
from windlass.kit.clock import ManualClock
from windlass.kit.database import Database
from windlass.org.first_tree import create_first_tree
from windlass.org.scopes import (
    SYSTEM,
    ScopeColumns,
    Unit,
    find_unit,
    scope_path,
    units_above,
    within,
)
from windlass.org.tables import cluster, department, project

OTHER_DEPARTMENT = 9
PROJECT_THERE = 10


@pytest.fixture
def tree(database: Database) -> Unit:
    """The first project; beside its department is another, with one project."""

    def work(connection: Connection) -> Unit:
        first = create_first_tree(connection, "windlass.localhost", "somebody", ManualClock())
        made = {"cluster_id": first.cluster_id, "created_at": 0.0, "created_by": "somebody"}
        connection.execute(insert(department).values(id=OTHER_DEPARTMENT, name="other", **made))
        connection.execute(
            insert(project).values(
                id=PROJECT_THERE, department_id=OTHER_DEPARTMENT, name="there", **made
            )
        )
        return Unit(
            first.tenant_id, first.cluster_id, first.department_id, first.project_id, "default"
        )

    return database.write(work)


def test_a_unit_is_found_with_all_that_is_above_it(database: Database, tree: Unit) -> None:
    with database.read() as connection:
        found = find_unit(connection, "project", tree.project_id or "")
        above = find_unit(connection, "department", tree.department_id or "")
        cluster_unit = find_unit(connection, "cluster", (tree.cluster_id or "").upper())
        tenant_unit = find_unit(connection, "tenant", str(tree.tenant_id))
        assert find_unit(connection, "system", "") == SYSTEM
    assert found == tree
    assert above == Unit(tree.tenant_id, tree.cluster_id, tree.department_id, name="default")
    assert cluster_unit == Unit(tree.tenant_id, tree.cluster_id, name="default")
    assert tenant_unit == Unit(tree.tenant_id, name="default")
    assert scope_path(tree) == (
        f"/{tree.tenant_id}/{tree.cluster_id}/{tree.department_id}/{tree.project_id}"
    )


@pytest.mark.parametrize(
    ("level", "unit_id"),
    [("project", "1"), ("project", "01"), ("cluster", "x"), ("tenant", "²"), ("galaxy", "1")],
)
@pytest.mark.usefixtures("tree")
def test_what_is_not_there_is_not_found(database: Database, level: str, unit_id: str) -> None:
    with database.read() as connection:
        assert find_unit(connection, level, unit_id) is None


def test_levels_have_their_names_and_ids() -> None:
    unit = Unit(1, "c", "2", "3")
    assert [str(SYSTEM.type), str(unit.type), str(Unit(1, "c").type)] == [
        "system",
        "project",
        "cluster",
    ]
    assert (SYSTEM.id, unit.id, Unit(1).id) == ("", "3", "1")


def test_a_path_covers_what_continues_it_and_nothing_beside_it() -> None:
    assert scope_path(SYSTEM) == ""
    assert units_above(Unit(1, "c", "2")) == ["", "/1", "/1/c", "/1/c/2"]
    assert all(covers(outer, "/1/c") for outer in ("", "/1", "/1/c"))
    assert not any(covers("/1/c/2", inner) for inner in ("/1/c/21", "/1/c", ""))


@pytest.mark.parametrize("kept_as_text", [False, True])
def test_rows_are_those_that_a_path_covers(
    database: Database, tree: Unit, kept_as_text: bool
) -> None:
    number = (lambda column: cast(column, String)) if kept_as_text else (lambda column: column)
    columns = ScopeColumns(
        tenant=cluster.c.tenant_id,
        cluster=project.c.cluster_id,
        department=number(project.c.department_id),
        project=number(project.c.id),
    )

    def names(paths: Iterable[str]) -> list[str]:
        statement = select(project.c.name).join(cluster, cluster.c.id == project.c.cluster_id)
        with database.read() as connection:
            rows = connection.execute(statement.where(within(paths, columns)))
            return sorted(rows.scalars())

    there = f"/{tree.tenant_id}/{tree.cluster_id}/{OTHER_DEPARTMENT}"
    assert names([]) == []
    assert names([""]) == ["default", "there"]
    assert names([f"/{tree.tenant_id}"]) == ["default", "there"]
    assert names(["/77"]) == []
    assert names([f"/{tree.tenant_id}/{tree.cluster_id}"]) == ["default", "there"]
    assert names([there]) == ["there"]
    assert names([f"{there}/{PROJECT_THERE}"]) == ["there"]
    assert names([f"{there}/{tree.project_id}", there]) == ["default", "there"]


def test_a_level_that_rows_do_not_have_matches_none_of_them(database: Database, tree: Unit) -> None:
    statement = select(department.c.name).where(
        within([scope_path(tree)], ScopeColumns(department=department.c.id))
    )
    with database.read() as connection:
        assert connection.execute(statement).all() == []
