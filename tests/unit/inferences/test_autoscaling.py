"""The table of autoscaling rules that follows from Knative's."""

from typing import Any

import pytest

from tests.unit.inferences.bodies import body, problems, rule_errors
from windlass.workloads.inferences.fields import MOST_PROCESSES


@pytest.mark.parametrize(
    "scaling",
    [
        {},
        {"minReplicas": 3},
        {"minReplicas": 0},
        {"minReplicas": 0, "maxReplicas": 1},
        {"minReplicas": 2, "maxReplicas": 2},
        {"minReplicas": 1, "maxReplicas": 4, "metric": "throughput", "metricThreshold": 10},
        {"minReplicas": 0, "maxReplicas": 4, "metric": "concurrency", "metricThreshold": 1},
        {"minReplicas": 1, "maxReplicas": 4, "metric": "latency", "metricThreshold": 250},
        {"minReplicas": 1, "maxReplicas": 4, "metric": "queue_depth:5m", "metricThreshold": 1},
        {"metric": "throughput", "metricThreshold": 10, "metricThresholdPercentage": 99.5},
        {"metricThresholdPercentage": 70},
        {"minReplicas": 0, "scaleToZeroRetentionSeconds": 3600},
        {"scaleToZeroRetentionSeconds": 0},
        {"minReplicas": 0, "initialReplicas": 0},
        {"minReplicas": 2, "maxReplicas": 2, "initialReplicas": 2, "activationReplicas": 2},
        {"concurrencyHardLimit": 0, "scaleDownDelaySeconds": 3600},
        {"initializationTimeoutSeconds": 5},
        {"minReplicas": 2, "maxReplicas": 4, "metric": "latency", "metricThreshold": 5}
        | {"activationReplicas": 2},
    ],
)
def test_takes_what_agrees(scaling: dict[str, Any]) -> None:
    assert rule_errors(autoscaling=scaling) == {}


@pytest.mark.parametrize(
    ("scaling", "field", "words"),
    [
        ({"minReplicas": 3, "maxReplicas": 2}, "maxReplicas", "2 is less than 3"),
        ({"minReplicas": 1, "maxReplicas": 2}, "metric", "is required"),
        ({"minReplicas": 0, "maxReplicas": 2}, "metric", "is required"),
        ({"maxReplicas": 2}, "metric", "is required"),
        ({"metric": "throughput"}, "metricThreshold", "is required"),
        ({"metricThreshold": 3}, "metricThreshold", "needs metric"),
        ({"metric": "throughput", "metricThreshold": 0}, "metricThreshold", "at least 1"),
        (
            {"minReplicas": 0, "maxReplicas": 2, "metric": "latency", "metricThreshold": 5},
            "metric",
            "throughput or concurrency",
        ),
        ({"minReplicas": 0, "metric": "mine", "metricThreshold": 5}, "metric", "wakes from 0"),
        (
            {"metric": "latency", "metricThreshold": 5, "metricThresholdPercentage": 50},
            "metricThresholdPercentage",
            "throughput and concurrency",
        ),
        ({"metricThresholdPercentage": 50}, "metricThresholdPercentage", "belongs to"),
        ({"scaleToZeroRetentionSeconds": 1}, "scaleToZeroRetentionSeconds", "minReplicas 0"),
        ({"minReplicas": 1, "initialReplicas": 0}, "initialReplicas", "minReplicas is 0"),
        ({"minReplicas": 1, "initialReplicas": 2}, "initialReplicas", "at most maxReplicas"),
        ({"minReplicas": 2, "activationReplicas": 1}, "activationReplicas", "from 2 to 2"),
        ({"minReplicas": 0, "activationReplicas": 2}, "activationReplicas", "from 0 to 1"),
        (
            {"maxReplicas": 4, "metric": "mine", "metricThreshold": 5, "activationReplicas": 2},
            "activationReplicas",
            "throughput and concurrency",
        ),
    ],
)
def test_refuses_what_does_not_agree(scaling: dict[str, Any], field: str, words: str) -> None:
    found = rule_errors(autoscaling=scaling)
    assert list(found) == [f"autoscaling.{field}"]
    assert words in found[f"autoscaling.{field}"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("minReplicas", -1),
        ("maxReplicas", 0),
        ("activationReplicas", 0),
        ("initialReplicas", -1),
        ("metricThresholdPercentage", 0.5),
        ("metricThresholdPercentage", 101),
        ("concurrencyHardLimit", -1),
        ("scaleToZeroRetentionSeconds", 3601),
        ("scaleDownDelaySeconds", 3601),
        ("initializationTimeoutSeconds", 0),
        ("metric", "my metric"),
        ("metric", "1st"),
        ("metric", "throughput\n"),
        ("metricThreshold", 2**31),
    ],
)
def test_refuses_wrong_values(field: str, value: object) -> None:
    assert f"spec.autoscaling.{field}" in problems(body(autoscaling={field: value}))


@pytest.mark.parametrize(
    "scaling",
    [
        {"minReplicas": 0},
        {"minReplicas": 0, "maxReplicas": 1},
        {"minReplicas": 1, "maxReplicas": 2, "metric": "throughput", "metricThreshold": 1},
        {"minReplicas": 0, "maxReplicas": 3, "initialReplicas": 0, "metric": "concurrency"}
        | {"metricThreshold": 1},
        {"scaleDownDelaySeconds": 1},
    ],
)
def test_a_number_of_replicas_that_changes_is_taken(scaling: dict[str, Any]) -> None:
    assert problems(body(autoscaling=scaling)) == {}


def test_a_fixed_number_of_replicas_is_taken_however_it_is_said() -> None:
    fixed = {
        "minReplicas": 3,
        "maxReplicas": 3,
        "initialReplicas": 3,
        "activationReplicas": 3,
        "concurrencyHardLimit": 0,
        "scaleDownDelaySeconds": 0,
        "metric": None,
    }
    assert problems(body(autoscaling=fixed)) == {}


@pytest.mark.parametrize("given", [("minReplicas",), ("minReplicas", "maxReplicas")])
def test_one_machine_is_not_asked_for_more_processes_than_it_could_ever_run(
    given: tuple[str, ...],
) -> None:
    def found(count: int) -> dict[str, str]:
        return problems(body(autoscaling=dict.fromkeys(given, count)))

    assert found(MOST_PROCESSES) == {}
    assert "this is one machine" in found(MOST_PROCESSES + 1)[f"spec.autoscaling.{given[-1]}"]
