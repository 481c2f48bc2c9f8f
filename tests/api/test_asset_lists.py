"""Every published parameter of every list of assets does what it is for: something fits it and is
shown, something else does not and is left out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.api.assets import make, some_name, unit
from tests.api.serving import Api
from tests.api.test_random_requests import sound_spec
from tests.contract.published_api import ASSETS, COMPUTE, TEMPLATES, query_parameters
from windlass.assets.kind import Kind
from windlass.assets.kinds import FAMILIES, SERVED_ALIKE

DOCUMENTS = {"/api/v1/asset/compute": COMPUTE, "/api/v1/asset/workload-template": TEMPLATES}
LISTS: dict[str, Kind] = {kind.path: kind for kind in SERVED_ALIKE}
LISTS |= {path: kinds[0] for path, kinds in FAMILIES.items()}
TYPES = ("Workspace", "Training", "Distributed", "Inference")


@dataclass(frozen=True)
class Shelf:
    """Assets of one kind, each at another place or for other workloads, by what they are for."""

    api: Api
    path: str
    ids: dict[str, str]
    names: dict[str, str]
    project: str
    department: str
    other_project: str

    def shown(self, **params: str) -> set[str]:
        """Which of them a list shows."""
        ids = {self.ids[word]: word for word in self.ids}
        entries = self.api.get(self.path, **params)["entries"]
        return {ids[entry["meta"]["id"]] for entry in entries if entry["meta"]["id"] in ids}

    def entry(self, word: str, **params: str) -> dict[str, Any]:
        """One of them as a list shows it."""
        entries = self.api.get(self.path, **params)["entries"]
        found = (entry for entry in entries if entry["meta"]["id"] == self.ids[word])
        return dict(next(found))


def shelf_of(api: Api, path: str, kind: Kind) -> Shelf:
    department = unit(api, "departments")
    inside = unit(api, "projects", parentId=department)
    beside = unit(api, "projects", parentId=department)
    spec = sound_spec(api, kind)
    nothing = dict.fromkeys((each.lower() for each in TYPES), False)
    places: dict[str, dict[str, Any]] = {
        "in project": {"scope": "project", "projectId": int(inside)},
        "beside": {"scope": "project", "projectId": int(beside)},
        "in department": {"scope": "department", "departmentId": department},
        "in cluster": {"scope": "cluster", "clusterId": api.context.tree.cluster_id},
        "in tenant": {"scope": "tenant"},
    }
    for each in TYPES:
        framework = "MPI" if each == "Distributed" else "XGBoost"
        supported = {**nothing, each.lower(): True, "distFramework": framework}
        places[f"for {each}"] = {**places["in project"], "workloadSupportedTypes": supported}
    made = {
        word: make(api, kind.path, spec, **{"projectId": None, **meta})["meta"]
        for word, meta in places.items()
    }
    return Shelf(
        api,
        path,
        {word: meta["id"] for word, meta in made.items()},
        {word: meta["name"] for word, meta in made.items()},
        inside,
        department,
        beside,
    )


def check_name(shelf: Shelf) -> None:
    assert shelf.shown(name=shelf.names["beside"]) == {"beside"}
    assert shelf.shown(name=some_name()) == set()


def check_scope(shelf: Shelf) -> None:
    for level in ("department", "cluster", "tenant"):
        assert shelf.shown(scope=level) == {f"in {level}"}
    assert shelf.shown(scope="project") >= {"in project", "beside"}
    assert "in department" not in shelf.shown(scope="project")


def check_project(shelf: Shelf) -> None:
    shown = shelf.shown(projectId=shelf.project)
    assert shown >= {"in project", "in department", "in cluster", "in tenant"}
    assert "beside" not in shown
    own = shelf.shown(projectId=shelf.other_project, scope="project")
    assert own == {"beside"}


def check_department(shelf: Shelf) -> None:
    shown = shelf.shown(departmentId=shelf.department)
    assert shown == {"in department", "in cluster", "in tenant"}


def check_cluster(shelf: Shelf) -> None:
    cluster_id = shelf.api.context.tree.cluster_id
    assert shelf.shown(clusterId=cluster_id) == {"in cluster", "in tenant"}


def check_descendants(shelf: Shelf) -> None:
    below = {"departmentId": shelf.department, "includeDescendants": "true"}
    assert shelf.shown(**below) >= {"in project", "beside", "in department", "in tenant"}
    refused = shelf.api.refused(shelf.path, includeDescendants="true", scope="project")
    assert "includeDescendants: must not be given together with scope" in refused


def check_ids(shelf: Shelf) -> None:
    wanted = {"beside", "in tenant"}
    assert shelf.shown(assetIds=",".join(shelf.ids[word] for word in wanted)) == wanted


def check_usage(shelf: Shelf) -> None:
    assert shelf.entry("beside", usageInfo="true")["usedBy"]["templates"] == []
    assert "usedBy" not in shelf.entry("beside")


def check_status(shelf: Shelf) -> None:
    assert shelf.entry("beside", statusInfo="true")["status"]["status"] == "No status"
    assert "status" not in shelf.entry("beside")


def check_compliance(shelf: Shelf) -> None:
    asked = {"complyToProject": shelf.other_project, "complyToWorkloadType": "Inference"}
    assert "compliance" not in shelf.entry("beside", complyToProject=shelf.other_project)
    reasons = {
        word: [each["details"] for each in shelf.entry(word, **asked)["compliance"]["reason"]]
        for word in ("beside", "in project", "for Workspace")
    }
    elsewhere = f"it cannot be used in project {shelf.other_project}"
    assert elsewhere not in reasons["beside"]
    assert elsewhere in reasons["in project"]
    assert "it is not meant for workloads of type Inference" in reasons["for Workspace"]
    assert "it is not meant for workloads of type Inference" not in reasons["in project"]


def check_replica_type(shelf: Shelf) -> None:
    asked = {"complyToProject": shelf.project, "complyToWorkloadType": "Distributed"}
    assert "complyToReplicaType: is required" in shelf.api.refused(shelf.path, **asked)
    refused = shelf.api.refused(shelf.path, **asked, complyToReplicaType="Chief")
    assert "complyToReplicaType: is 'Chief'" in refused
    for replica in ("Worker", "Master"):
        told = shelf.entry("for Distributed", **asked, complyToReplicaType=replica)["compliance"]
        assert told["imposed"] is False
        details = [each["details"] for each in told["reason"]]
        assert "it is not meant for workloads of type Distributed" not in details
        told = shelf.entry("for Inference", **asked, complyToReplicaType=replica)["compliance"]
        details = [each["details"] for each in told["reason"]]
        assert "it is not meant for workloads of type Distributed" in details


def check_type(workload_type: str) -> Callable[[Shelf], None]:
    def check(shelf: Shelf) -> None:
        fits, other = f"for {workload_type}", next(t for t in TYPES if t != workload_type)
        is_for = shelf.shown(**{f"is{workload_type}": "true"})
        assert is_for >= {fits, "in project"}
        assert f"for {other}" not in is_for
        is_not_for = shelf.shown(**{f"is{workload_type}": "false"})
        assert f"for {other}" in is_not_for
        assert is_not_for.isdisjoint({fits, "in project"})

    return check


def check_framework(shelf: Shelf) -> None:
    shown = shelf.shown(distributedFramework="MPI")
    assert shown >= {"for Distributed", "in project"}
    assert "for Workspace" not in shown


CHECKS: dict[str, Callable[[Shelf], None]] = {
    "name": check_name,
    "scope": check_scope,
    "projectId": check_project,
    "departmentId": check_department,
    "clusterId": check_cluster,
    "includeDescendants": check_descendants,
    "assetIds": check_ids,
    "usageInfo": check_usage,
    "statusInfo": check_status,
    "complyToProject": check_compliance,
    "complyToWorkloadType": check_compliance,
    "complyToReplicaType": check_replica_type,
    "distributedFramework": check_framework,
    **{f"is{each}": check_type(each) for each in TYPES},
}


# One piece of code reads and answers them all: on PostgreSQL a list and one of a family will do.
ON_BOTH = ("/api/v1/asset/datasource", "/api/v1/asset/environment")
PLACES = [("sqlite", path) for path in LISTS] + [("postgresql", path) for path in ON_BOTH]


@pytest.mark.parametrize(("database", "path"), PLACES)
def test_every_published_parameter_does_what_it_is_for(
    request: pytest.FixtureRequest, database: str, path: str
) -> None:
    parameters = query_parameters(DOCUMENTS.get(path, ASSETS), f"GET {path}")
    assert {"name", "scope", "projectId"} <= set(parameters)
    shelf = shelf_of(request.getfixturevalue(f"api_on_{database}"), path, LISTS[path])
    for check in dict.fromkeys(CHECKS[name] for name in parameters):
        check(shelf)
