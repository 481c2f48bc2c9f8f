"""The commands about the tree, typed against a real platform."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.end_to_end.platforms import Platform, canary, eventually, run_windlass

Type = Callable[..., str]


@pytest.fixture
def type_(platform: Platform) -> Type:
    """Types a command and gives what it printed."""

    def run(*words: str, check: bool = True) -> str:
        done = run_windlass(*words, "--data-dir", str(platform.data_dir), check=check)
        assert check or done.returncode != 0
        return done.stdout + done.stderr

    return run


def listed(type_: Type, what: str) -> dict[str, Any]:
    return {item["name"]: item for item in json.loads(type_(what, "list", "--json"))}


def test_a_department_and_its_project_from_beginning_to_end(
    platform: Platform, type_: Type
) -> None:
    type_("departments", "create", "typed lab", "--gpus", "3", "--rank", "high")
    made = type_("projects", "create", "typed", "--department", "typed lab", "--gpus", "2")
    assert "The project typed is there" in made
    unit = listed(type_, "projects")["typed"]
    assert unit["departmentName"] == "typed lab"
    assert unit["totalResources"]["gpuQuota"] == 2
    changed = ("--gpu-limit", "2", "--cpus", "1.5", "--memory-gb", "4", "--description", "for us")
    type_("projects", "edit", "typed", *changed, "--default-pools", "default")
    unit = listed(type_, "projects")["typed"]
    (resources,) = unit["resources"]
    assert resources["gpu"] == {"deserved": 2, "limit": 2, "overQuotaWeight": 2}
    assert resources["cpu"]["deserved"] == 1500
    assert resources["memory"] | {"limit": 0} == resources["memory"] | {"deserved": 4, "limit": 0}
    assert (unit["description"], unit["defaultNodePools"]) == ("for us", ["default"])
    assert listed(type_, "departments")["typed lab"]["resources"][0]["priority"] == "high"
    told = type_("projects", "edit", "typed", "--gpus", "4", check=False)
    assert "more than its 3 GPUs" in told
    type_("departments", "edit", "typed lab", "--gpus", "4", "--description", "grown")
    above = listed(type_, "departments")["typed lab"]
    assert (above["resources"][0]["gpu"]["deserved"], above["description"]) == (4, "grown")
    assert above["resources"][0]["priority"] == "high"
    type_("projects", "edit", "typed", "--gpus", "4", "--gpu-limit", "-1")
    told = type_("departments", "edit", "typed lab", "--gpus", "3", check=False)
    assert "4 GPUs" in told

    table = type_("projects", "list", "--department", "typed lab")
    assert table.split()[:2] == ["NAME", "DEPARTMENT"]
    assert "typed" in table
    assert "default" not in table.splitlines()[-1]
    workload = platform.submit("inside", canary(), projectId=unit["id"])
    platform.wait_for_phase(workload["workloadId"], "Running")
    assert "Inference inside" in type_("departments", "delete", "typed lab", check=False)
    assert "goes with the last of its workloads" in type_("projects", "delete", "typed")
    platform.wait_until_gone(workload["workloadId"])
    eventually(lambda: "typed" not in listed(type_, "projects"), "the project's end")
    assert "is gone" in type_("departments", "delete", "typed lab")
    assert "There is no project 'typed'" in type_("projects", "delete", "typed", check=False)


def test_node_pools_and_nodes(type_: Type) -> None:
    made = type_(
        "node-pools", "create", "typed", "--label", "zone=far", "--gpu-placement", "spread"
    )
    assert "with far-node" in made
    nodes = type_("nodes", "list", "--search", "far")
    assert "far-node (simulated)" in nodes
    assert "8 B200-180GB" in nodes
    edited = ("--cpu-placement", "spread", "--min-guaranteed-runtime", "2h")
    type_("node-pools", "edit", "typed", *edited)
    pool = listed(type_, "node-pools")["typed"]
    assert pool["placementStrategy"] == {"gpu": "spread", "cpu": "spread"}
    assert pool["schedulingConfiguration"]["minGuaranteedRuntime"] == "2h"
    assert "typed" in type_("node-pools", "list")
    assert listed(type_, "nodes")["far-node"]["nodePool"] == "typed"
    assert "default one" in type_("node-pools", "delete", "default", check=False)
    type_("node-pools", "delete", "typed")
    assert "typed" not in listed(type_, "node-pools")
    assert "not KEY=VALUE" in type_("node-pools", "create", "typed", "--label", "zone", check=False)
