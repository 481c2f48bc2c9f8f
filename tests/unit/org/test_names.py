"""Names of units: what they may be, and that host names of workloads never collide."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from windlass.org.names import (
    namespace_of,
    node_pool_name_problem,
    plain_name_problem,
    project_name_problem,
    retired_name,
)

_PARTS = st.sampled_from(["runai", "a", "b", "runa", "i", "unai", "r"])
NAMES = st.lists(_PARTS, min_size=1, max_size=5).map("-".join)


@given(NAMES, NAMES, NAMES, NAMES)
def test_two_workloads_never_have_one_host_name(
    workload: str, project: str, other_workload: str, other_project: str
) -> None:
    assume(project_name_problem(project) is None and project_name_problem(other_project) is None)
    assume((workload, project) != (other_workload, other_project))
    host = f"{workload}-{namespace_of(project)}"
    assert host != f"{other_workload}-{namespace_of(other_project)}"


def test_names_that_would_collide_are_refused() -> None:
    assert "x-runai-a-" + namespace_of("b") == "x-" + namespace_of("a-runai-b")
    assert "x-runai-" + namespace_of("a") == "x-" + namespace_of("runai-a")
    for name in ("a-runai-b", "runai-a"):
        assert "host names" in (project_name_problem(name) or "")
    for name in ("runai", "a-runai", "arunai-b", "a-runaib"):
        assert project_name_problem(name) is None, name


@pytest.mark.parametrize("name", ["", "A", "1a", "a-", "-a", "a.b", "a_b", "ä", "a b", "a\n"])
def test_projects_and_node_pools_are_dns_labels(name: str) -> None:
    assert project_name_problem(name)
    assert node_pool_name_problem(name)


def test_names_have_a_longest() -> None:
    assert project_name_problem("a" * 50) is None
    assert node_pool_name_problem("a" * 63) is None
    assert plain_name_problem("a" * 63) is None
    assert project_name_problem("a" * 51)
    assert node_pool_name_problem("a" * 64)
    assert plain_name_problem("a" * 64)


@pytest.mark.parametrize("name", ["", " a", "a ", "a\tb", "a,b", "\u200e"])
def test_departments_have_printable_names(name: str) -> None:
    assert plain_name_problem(name)
    assert plain_name_problem("Forschung & Lehre 2") is None


def test_no_living_unit_can_have_the_name_of_one_that_is_gone() -> None:
    assert plain_name_problem(retired_name("research", 1))
    assert project_name_problem(retired_name("research", 1))
    assert retired_name("research", 1) != retired_name("research", 2)
