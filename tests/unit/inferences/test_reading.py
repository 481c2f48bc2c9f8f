"""A whole body: what is kept of it, and that everything wrong with it is said at once."""

from typing import Any

import pytest

from tests.unit.inferences.bodies import CLUSTER, body, problems, read
from windlass.kit.errors import BadRequest
from windlass.workloads.inferences.desired import desired_of, desired_of_stored
from windlass.workloads.inferences.schemas import InferenceResponse


def test_keeps_the_spec_as_submitted_without_nulls_and_unknown_fields() -> None:
    given = body(
        command=None,
        args="a b",
        later={"x": 1},
        environmentVariables=[None, {"name": "A", "value": "", "description": None, "x": 1}],
        compute={"cpuCoreRequest": 1, "cpuMemoryRequest": "1024Mi"},
        storage={"pvc": []},
        autoscaling={},
    )
    spec = read(given).spec
    assert spec is not None
    assert spec.submitted() == {
        "image": "host/digits",
        "servingPort": {"container": 8000},
        "args": "a b",
        "environmentVariables": [{"name": "A", "value": ""}],
        "compute": {"cpuCoreRequest": 1, "cpuMemoryRequest": "1024Mi"},
        "storage": {"pvc": []},
        "autoscaling": {},
    }


def test_what_is_kept_means_the_same_when_it_is_read_again() -> None:
    spec = read(
        body(
            args="a 'b c'",
            environmentVariables=[None, {"name": "A", "value": "x"}],
            compute={"cpuCoreLimit": 0.1, "cpuMemoryLimit": "1.5Gi"},
            probes={"readiness": {"handler": {"httpGet": {"path": "/up"}}}},
            autoscaling={"minReplicas": 2},
            servingConfiguration={"requestTimeoutSeconds": 5},
        )
    ).spec
    assert spec is not None
    assert desired_of_stored(spec.submitted()) == desired_of(spec)


def test_ignores_unknown_fields_beside_the_spec() -> None:
    assert problems({**body(), "autoDelete": False, "private": None}) == {}


def test_attribute_names_are_not_field_names() -> None:
    assert set(problems({**body(), "projectId": None, "project_id": "1"})) == {"projectId"}


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"name": None}, "name"),
        ({"name": ""}, "name"),
        ({"projectId": 1}, "projectId"),
        ({"projectId": ""}, "projectId"),
        ({"clusterId": "here"}, "clusterId"),
        ({"clusterId": f"{{{CLUSTER}}}"}, "clusterId"),
        ({"clusterId": f"{CLUSTER}\n"}, "clusterId"),
        ({"useGivenNameAsPrefix": "true"}, "useGivenNameAsPrefix"),
        ({"templateId": "1"}, "templateId"),
        ({"spec": []}, "spec"),
    ],
)
def test_refuses_wrong_values_beside_the_spec(change: dict[str, Any], path: str) -> None:
    assert path in problems({**body(), **change})


@pytest.mark.parametrize("spec", [None, {}])
def test_a_spec_needs_an_image_and_a_port(spec: dict[str, Any] | None) -> None:
    assert problems({**body(), "spec": spec}) == {
        "spec.image": "is required",
        "spec.servingPort.container": "is required",
    }


def test_says_everything_that_is_wrong_at_once() -> None:
    given = body(
        command="a 'b",
        imagePullPolicy="Always",
        compute={"gpuPortionRequest": "1", "cpuMemoryRequest": "2Gi", "cpuMemoryLimit": "1Gi"},
        environmentVariables=[{"name": "1"}, {"value": 3}],
    )
    assert set(problems({**given, "clusterId": 5, "name": "Digits"})) == {
        "clusterId",
        "name",
        "spec.command",
        "spec.imagePullPolicy",
        "spec.compute.gpuPortionRequest",
        "spec.compute.cpuMemoryLimit",
        "spec.environmentVariables[0].name",
        "spec.environmentVariables[0].value",
        "spec.environmentVariables[1].name",
        "spec.environmentVariables[1].value",
    }


def test_a_body_with_very_many_errors_gets_a_short_answer() -> None:
    with pytest.raises(BadRequest) as refused:
        read(body(environmentVariables=[{"name": 1}] * 5_000))
    details = refused.value.details or ""
    assert len(details.splitlines()) == 101
    assert details.endswith("and 9899 more")


def test_a_wrong_value_is_not_also_called_missing() -> None:
    assert problems(body(servingPort={"container": "80"})) == {
        "spec.servingPort.container": "must be a whole number, not a string"
    }


def test_a_list_where_the_spec_should_be_hides_nothing_beside_it() -> None:
    with pytest.raises(BadRequest):
        read({"spec": []})
    assert set(problems({"spec": []})) == {"name", "projectId", "clusterId", "spec"}


def test_an_answer_leaves_out_what_is_not_there() -> None:
    answer = InferenceResponse(
        name="digits-abcde",
        requested_name="digits",
        workload_id=CLUSTER,
        project_id="1",
        department_id="1",
        cluster_id=CLUSTER,
        created_by="admin",
        created_at="2026-01-31T12:00:00.000Z",
        desired_phase="Running",
        actual_phase="Creating",
        spec={"image": "host/digits"},
    )
    assert "deletedAt" not in answer.body()
    assert answer.body()["requestedName"] == "digits"


def test_a_command_line_too_long_to_be_split_quickly_is_refused() -> None:
    assert read(body(args="x" * 65_536)).spec is not None
    assert set(problems(body(args="x" * 65_537))) == {"spec.args"}
