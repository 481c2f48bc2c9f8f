"""What a spec asks of the platform, with every default filled in."""

from typing import Any

import pytest

from tests.unit.inferences.bodies import spec
from windlass.engines.engine import (
    EnvironmentVariable,
    HttpGet,
    Limits,
    Probe,
    ReplicaTemplate,
)
from windlass.gateway.gateway import Access
from windlass.scheduling import Request
from windlass.workloads.inferences.desired import desired_of, template_of
from windlass.workloads.inferences.schemas import InferenceSpec
from windlass.workloads.scaling import LATENCY, Measure, MetricSource, Scaling


def test_the_least_spec_has_every_default() -> None:
    desired = desired_of(spec())
    assert desired.template == ReplicaTemplate("host/digits", 8000)
    assert desired.request == Request()
    assert desired.scaling == Scaling()
    assert desired.callers.access is Access.PUBLIC
    assert desired.request_timeout_seconds == 300
    assert desired.initialization_timeout_seconds == 600
    assert desired.category == "Deploy"


def test_everything_said_is_in_the_template() -> None:
    fields: dict[str, Any] = {
        "command": "run 'a b'",
        "args": "--port $(PORT)",
        "workingDir": "/srv",
        "environmentVariables": [{"name": "A", "value": "x"}],
        "probes": {"readiness": {"handler": {"httpGet": {"path": "/up"}}}},
        "compute": {"cpuCoreLimit": 2, "cpuMemoryRequest": "1Ki"},
    }
    assert desired_of(spec(**fields)).template == ReplicaTemplate(
        image="host/digits",
        container_port=8000,
        command=("run", "a b"),
        args=("--port", "$(PORT)"),
        working_dir="/srv",
        environment=(EnvironmentVariable("A", "x"),),
        probe=Probe(HttpGet("/up")),
        limits=Limits(2000, 2000, 1024, None),
    )


@pytest.mark.parametrize(
    ("given", "access"),
    [
        (None, Access.PUBLIC),
        ("public", Access.PUBLIC),
        ("authenticatedUsers", Access.AUTHENTICATED),
        ("authorizedUsers", Access.AUTHORIZED),
    ],
)
def test_who_may_call_is_everybody_unless_said(given: str | None, access: Access) -> None:
    port = {"container": 8000, "authorizationType": given}
    assert desired_of(spec(servingPort=port)).callers.access is access


def test_times_are_as_given_each_by_itself() -> None:
    request_only = desired_of(spec(servingConfiguration={"requestTimeoutSeconds": 7}))
    assert request_only.request_timeout_seconds == 7
    assert request_only.initialization_timeout_seconds == 600
    other = {"initializationTimeoutSeconds": 8}
    desired = desired_of(spec(servingConfiguration=other, autoscaling=other))
    assert desired.request_timeout_seconds == 300
    assert desired.initialization_timeout_seconds == 8


def test_the_superseded_time_has_no_effect() -> None:
    superseded = {"initializationTimeoutSeconds": 5}
    assert desired_of(spec(autoscaling=superseded)).initialization_timeout_seconds == 600


@pytest.mark.parametrize(
    ("scaling", "replicas"),
    [({}, 1), ({"minReplicas": 3}, 3), ({"minReplicas": 2, "maxReplicas": 2}, 2)],
)
def test_replicas_are_the_fewest_asked_for(scaling: dict[str, int], replicas: int) -> None:
    assert desired_of(spec(autoscaling=scaling)).scaling.initial == replicas


@pytest.mark.parametrize("unchecked", [{"image": "host/a"}, {"servingPort": {"container": 1}}, {}])
def test_a_spec_that_was_not_checked_has_no_template(unchecked: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="checked"):
        template_of(InferenceSpec.model_validate(unchecked))


def scaling(given: dict[str, Any], **fields: Any) -> Scaling:
    return desired_of(spec(autoscaling=given, **fields)).scaling


def test_every_field_of_autoscaling_counts() -> None:
    assert scaling(
        {
            "minReplicas": 0,
            "maxReplicas": 9,
            "initialReplicas": 2,
            "activationReplicas": 3,
            "metric": "throughput",
            "metricThreshold": 40,
            "metricThresholdPercentage": 55.5,
            "concurrencyHardLimit": 7,
            "scaleToZeroRetentionSeconds": 11,
            "scaleDownDelaySeconds": 12,
        },
        servingConfiguration={"initializationTimeoutSeconds": 13},
    ) == Scaling(0, 9, 2, 3, "throughput", 40, 55.5, 7, 11, 12, 13)


@pytest.mark.parametrize(
    ("given", "initial", "activation"),
    [
        ({"minReplicas": 0, "maxReplicas": 1}, 1, 1),
        ({"minReplicas": 0, "maxReplicas": 1, "initialReplicas": 0}, 0, 1),
        ({"minReplicas": 2, "maxReplicas": 5, "metric": "concurrency", "metricThreshold": 1}, 2, 2),
        ({"minReplicas": 2, "maxReplicas": 2, "initialReplicas": 1}, 2, 2),
    ],
)
def test_initial_and_activation_replicas(
    given: dict[str, Any], initial: int, activation: int
) -> None:
    found = scaling(given)
    assert (found.initial, found.activation) == (initial, activation)


@pytest.mark.parametrize(
    ("metric", "image", "annotations", "source"),
    [
        ("concurrency", "host/a", {}, None),
        (LATENCY, "host/a", {"prometheus.io/port": "9"}, None),
        ("queue_depth", "host/a", {}, MetricSource("/metrics")),
        ("vllm:num_requests_running", "vllm/vllm-openai:v1", {}, MetricSource("/metrics")),
        ("num_requests_waiting", "nvcr.io/nim/meta/llama3", {}, MetricSource("/v1/metrics")),
        ("nv_inference_queue_duration_us", "tritonserver", {}, MetricSource("/metrics", 8002)),
        ("nv_inference_count", "nvcr.io/nim/nvidia/nv-embed", {}, MetricSource("/metrics", 8002)),
        ("q", "host/a", {"prometheus.io/path": "stats"}, MetricSource("/stats")),
        ("q", "host/a", {"prometheus.io/port": "9100"}, MetricSource("/metrics", 9100)),
        ("q", "host/a", {"prometheus.io/port": "8000"}, MetricSource("/metrics")),
    ],
)
def test_where_a_metric_is_read(
    metric: str, image: str, annotations: dict[str, str], source: MetricSource | None
) -> None:
    given = {"minReplicas": 1, "maxReplicas": 2, "metric": metric, "metricThreshold": 5}
    noted = [{"name": name, "value": value} for name, value in annotations.items()]
    asked = desired_of(spec(autoscaling=given, image=image, annotations=noted))
    assert asked.scaling.source == source
    by_requests = metric == "concurrency"
    assert asked.scaling.measure is (Measure.REQUESTS if by_requests else Measure.METRIC)
    port = source.port if source else None
    assert asked.template.additional_ports == (() if port is None else (port,))
