"""Which requests of CPU, memory and GPUs make sense, and what they come to."""

from typing import Any

import pytest

from tests.unit.inferences.bodies import body, problems, rule_errors, spec
from windlass.engines.engine import Limits
from windlass.scheduling import Request
from windlass.spec.compute import limits_of, request_of

MIB = 1024**2
GIB = 1024**3


@pytest.mark.parametrize(
    "compute",
    [
        {},
        {"gpuDevicesRequest": 0},
        {"gpuDevicesRequest": 3},
        {"gpuDevicesRequest": 1, "gpuRequestType": "portion", "gpuPortionRequest": 1},
        {"gpuDevicesRequest": 2, "gpuRequestType": "portion", "gpuPortionRequest": 0.5},
        {"gpuDevicesRequest": 2, "gpuRequestType": "memory", "gpuMemoryRequest": "20Gi"},
        {"gpuRequestType": "portion", "gpuPortionRequest": 0.25, "gpuPortionLimit": 0.25},
        {"gpuRequestType": "portion", "gpuPortionRequest": 0.000001},
        {"gpuRequestType": "memory", "gpuMemoryRequest": "1G", "gpuMemoryLimit": "1000M"},
        {"gpuRequestType": "migProfile", "migProfile": "1g.10gb", "gpuDevicesRequest": 1},
        {"cpuCoreRequest": 0, "cpuMemoryRequest": "100M"},
        {"cpuCoreRequest": 0.1, "cpuCoreLimit": 0.1},
        {"cpuMemoryRequest": "1024Mi", "cpuMemoryLimit": "1Gi"},
        {"extendedResources": [{"resource": "example.com/fpga", "quantity": "2"}, None]},
    ],
)
def test_takes_what_agrees(compute: dict[str, Any]) -> None:
    assert rule_errors(compute=compute) == {}


@pytest.mark.parametrize(
    ("compute", "field", "words"),
    [
        ({"gpuRequestType": "portion"}, "gpuPortionRequest", "is required"),
        ({"gpuRequestType": "memory"}, "gpuMemoryRequest", "is required"),
        ({"gpuRequestType": "migProfile"}, "migProfile", "is required"),
        ({"gpuPortionRequest": 0.5}, "gpuPortionRequest", "not given"),
        (
            {"gpuRequestType": "memory", "gpuMemoryRequest": "1G", "gpuPortionRequest": 0.5},
            "gpuPortionRequest",
            "gpuRequestType is memory",
        ),
        ({"gpuMemoryRequest": "1G"}, "gpuMemoryRequest", "belongs to gpuRequestType memory"),
        ({"migProfile": "1g.5gb"}, "migProfile", "belongs to"),
        (
            {"gpuRequestType": "portion", "gpuPortionRequest": 4},
            "gpuPortionRequest",
            "at most 1, not 4",
        ),
        (
            {"gpuRequestType": "portion", "gpuPortionRequest": 0},
            "gpuPortionRequest",
            "above 0",
        ),
        (
            {"gpuRequestType": "portion", "gpuPortionRequest": 1e-9},
            "gpuPortionRequest",
            "above 0",
        ),
        (
            {"gpuRequestType": "portion", "gpuPortionRequest": 0.5, "gpuPortionLimit": 0.4},
            "gpuPortionLimit",
            "0.4 is less than 0.5",
        ),
        (
            {"gpuRequestType": "portion", "gpuPortionRequest": 0.5, "gpuPortionLimit": 1.5},
            "gpuPortionLimit",
            "at most 1",
        ),
        ({"gpuPortionLimit": 0.5}, "gpuPortionLimit", "needs gpuPortionRequest"),
        (
            {"gpuRequestType": "memory", "gpuMemoryRequest": "1Gi", "gpuMemoryLimit": "1G"},
            "gpuMemoryLimit",
            "1G is less than 1Gi",
        ),
        ({"gpuMemoryLimit": "1G"}, "gpuMemoryLimit", "needs gpuMemoryRequest"),
        (
            {"gpuDevicesRequest": 0, "gpuRequestType": "portion", "gpuPortionRequest": 0.5},
            "gpuDevicesRequest",
            "at least 1",
        ),
        (
            {"gpuDevicesRequest": 2, "gpuRequestType": "migProfile", "migProfile": "1g.5gb"},
            "gpuDevicesRequest",
            "must be 1",
        ),
        ({"cpuCoreRequest": 2, "cpuCoreLimit": 1.5}, "cpuCoreLimit", "1.5 is less than 2"),
        ({"cpuCoreLimit": 0}, "cpuCoreLimit", "above 0"),
        ({"cpuCoreRequest": 1e300}, "cpuCoreRequest", "at most"),
        (
            {"cpuMemoryRequest": "1Gi", "cpuMemoryLimit": "1023Mi"},
            "cpuMemoryLimit",
            "1023Mi is less than 1Gi",
        ),
        (
            {"extendedResources": [{"resource": "example.com/fpga", "quantity": "0.5"}]},
            "extendedResources[0].quantity",
            "whole number",
        ),
        (
            {"extendedResources": [{"resource": "example.com/fpga"}]},
            "extendedResources[0].quantity",
            "is required",
        ),
        (
            {"extendedResources": [None, {"quantity": "1"}]},
            "extendedResources[1].resource",
            "is required",
        ),
    ],
)
def test_refuses_what_does_not_agree(compute: dict[str, Any], field: str, words: str) -> None:
    found = rule_errors(compute=compute)
    assert list(found) == [f"compute.{field}"]
    assert words in found[f"compute.{field}"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("gpuDevicesRequest", -1),
        ("gpuDevicesRequest", 2**31),
        ("gpuDevicesRequest", 1.5),
        ("gpuDevicesRequest", "1"),
        ("gpuDevicesRequest", True),
        ("gpuRequestType", "whole"),
        ("gpuPortionRequest", -0.5),
        ("gpuPortionRequest", "0.5"),
        ("cpuCoreRequest", "100m"),
        ("cpuCoreRequest", -1),
        ("cpuMemoryRequest", "-1Gi"),
        ("cpuMemoryRequest", "0"),
        ("cpuMemoryRequest", "1GB"),
        ("cpuMemoryRequest", 1024),
        ("cpuMemoryLimit", "1024Ei"),
        ("gpuMemoryRequest", "100m"),
        ("migProfile", "9g.5gb"),
        ("largeShmRequest", "true"),
    ],
)
def test_refuses_wrong_values(field: str, value: object) -> None:
    assert f"spec.compute.{field}" in problems(body(compute={field: value}))


@pytest.mark.parametrize(
    ("compute", "request_"),
    [
        ({}, Request()),
        ({"gpuDevicesRequest": 3}, Request(devices=3)),
        ({"gpuRequestType": "portion", "gpuPortionRequest": 1}, Request(devices=1)),
        (
            {"gpuDevicesRequest": 2, "gpuRequestType": "portion", "gpuPortionRequest": 0.1},
            Request(devices=2, portion=100_000),
        ),
        (
            {"gpuRequestType": "memory", "gpuMemoryRequest": "20Gi"},
            Request(devices=1, device_memory_bytes=20 * GIB),
        ),
        (
            {"cpuCoreRequest": 0.1, "cpuMemoryRequest": "512Mi"},
            Request(cpu_millicores=100, memory_bytes=512 * MIB),
        ),
    ],
)
def test_asks_the_scheduler_for_it(compute: dict[str, Any], request_: Request) -> None:
    assert request_of(spec(compute=compute).compute) == request_


def test_asks_for_nothing_without_compute() -> None:
    assert request_of(None) == Request()
    assert limits_of(None) == Limits()


def test_a_limit_without_a_request_is_the_request_too() -> None:
    compute = spec(compute={"cpuCoreLimit": 0.0011, "cpuMemoryLimit": "1Mi"}).compute
    assert limits_of(compute) == Limits(2, 2, MIB, MIB)


def test_a_request_without_a_limit_is_unlimited() -> None:
    compute = spec(compute={"cpuCoreRequest": 1.5, "cpuMemoryRequest": "1M"}).compute
    assert limits_of(compute) == Limits(1500, None, 1_000_000, None)
