"""The check of answers itself: it lets through what is published, and nothing else."""

from typing import Any

import pytest

from tests.contract.published_api import (
    INFERENCES,
    NEIGHBOURS,
    answer_problems,
    assert_matches,
    assert_matches_schema,
    schema_problems,
)

UUID = "123e4567-e89b-12d3-a456-426614174000"
INFERENCE = {
    "name": "digits",
    "requestedName": "digits",
    "workloadId": UUID,
    "projectId": "1",
    "clusterId": UUID,
    "createdBy": "admin",
    "createdAt": "2026-01-31T12:00:00.000Z",
    "deletedAt": None,
    "desiredPhase": "Running",
    "spec": {"image": "host/digits", "command": None, "unknown": 1},
}
CREATE = "POST /api/v1/workloads/inferences"


def test_takes_an_answer_as_published() -> None:
    assert_matches(INFERENCES, CREATE, 202, INFERENCE)
    assert_matches(INFERENCES, "create_inference1", 202, INFERENCE)
    assert_matches_schema(INFERENCES, "Inference1", INFERENCE)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"name": None}, "name"),
        ({"workloadId": "1"}, "workloadId"),
        ({"createdAt": "2026-01-31T12:00:00"}, "createdAt"),
        ({"createdAt": "2026-13-31T12:00:00Z"}, "createdAt"),
        ({"deletedAt": "now"}, "deletedAt"),
        ({"desiredPhase": "running"}, "desiredPhase"),
        ({"actualPhase": None}, "actualPhase"),
        ({"spec": []}, "spec"),
        ({"spec": {"compute": {"gpuDevicesRequest": -1}}}, "spec.compute.gpuDevicesRequest"),
        ({"spec": {"compute": {"gpuDevicesRequest": 2**31}}}, "spec.compute.gpuDevicesRequest"),
        ({"spec": {"compute": {"cpuCoreRequest": True}}}, "spec.compute.cpuCoreRequest"),
        ({"spec": {"ports": [{"serviceType": "Other"}]}}, "spec.ports[0].serviceType"),
        ({"spec": {"storage": {"pvc": [{"name": ""}]}}}, "spec.storage.pvc[0].name"),
    ],
)
def test_finds_what_is_not_published(change: dict[str, Any], place: str) -> None:
    problems = list(schema_problems(INFERENCES, "Inference1", {**INFERENCE, **change}))
    assert problems
    assert any(problem.startswith(place.partition(".")[0]) for problem in problems)


def test_finds_a_member_that_is_missing() -> None:
    answer = {name: value for name, value in INFERENCE.items() if name != "createdBy"}
    with pytest.raises(AssertionError, match="createdBy"):
        assert_matches(INFERENCES, CREATE, 202, answer)


@pytest.mark.parametrize("status", [400, 401, 409, 503])
def test_errors_have_one_shape_published_or_not(status: int) -> None:
    assert_matches(INFERENCES, CREATE, status, {"code": status, "message": "no"})
    assert list(answer_problems(INFERENCES, CREATE, status, {"code": 418, "message": "no"}))
    assert list(answer_problems(INFERENCES, CREATE, status, {"detail": "no"}))


def test_knows_the_neighbours_that_are_implemented() -> None:
    token = {"accessToken": "a.b.c", "idToken": "i", "refreshToken": "r", "expiresIn": 3600}
    assert_matches(NEIGHBOURS, "POST /api/v1/token", 200, token)
    assert_matches(NEIGHBOURS, "GET /api/v1/clusters", 200, [])
    assert list(answer_problems(NEIGHBOURS, "GET /api/v1/workloads", 200, {"workloads": None}))


def test_does_not_know_other_operations() -> None:
    with pytest.raises(LookupError):
        assert_matches(NEIGHBOURS, "GET /api/v1/no-such-thing", 200, {})
