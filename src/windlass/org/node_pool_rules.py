"""What must be right in bodies of node pools, and which columns they set."""

from collections.abc import Iterator
from typing import Any

from windlass.kit.durations import InvalidDuration, parse_duration
from windlass.kit.errors import FieldError
from windlass.kit.labels import LABEL_VALUE, QUALIFIED_NAME, is_label_value, is_qualified_name
from windlass.org.schemas import NodePoolUpdate, Strategies

DEFAULT_COLUMNS = {
    "gpu_strategy": "binpack",
    "cpu_strategy": "binpack",
    "minimum_guaranteed_runtime": None,
}
"""What a new pool has where its body does not say."""


def node_pool_errors(body: NodePoolUpdate) -> Iterator[FieldError]:
    """What is wrong with a body, whatever there is beside the pool."""
    if body.label_key is not None and not is_qualified_name(body.label_key):
        yield FieldError("labelKey", QUALIFIED_NAME)
    if body.label_value is not None and not is_label_value(body.label_value):
        yield FieldError("labelValue", LABEL_VALUE)
    if body.over_provisioning_ratio not in (None, 1):
        yield FieldError("overProvisioningRatio", "must be 1: GPUs are not given away twice")
    if body.network_topology_id is not None:
        yield FieldError("networkTopologyId", "is not supported: there are no network topologies")
    yield from _network_errors(body)
    yield from _memory_errors(body)
    yield from _configuration_errors(body)


def given_columns(body: NodePoolUpdate) -> dict[str, Any]:
    """The columns that the body sets; what it leaves out is not among them."""
    configuration = body.scheduling_configuration
    newer = configuration.placement_strategy if configuration else None
    values = {
        "label_key": body.label_key,
        "label_value": body.label_value,
        "gpu_strategy": _strategy(newer, "gpu") or _strategy(body.placement_strategy, "gpu"),
        "cpu_strategy": _strategy(newer, "cpu") or _strategy(body.placement_strategy, "cpu"),
    }
    given: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
    if configuration is not None and "min_guaranteed_runtime" in configuration.model_fields_set:
        given["minimum_guaranteed_runtime"] = configuration.min_guaranteed_runtime
    return given


def _network_errors(body: NodePoolUpdate) -> Iterator[FieldError]:
    if body.gpu_network_acceleration_label_key:
        yield FieldError("gpuNetworkAccelerationLabelKey", _NO_NETWORK)
    if body.gpu_network_acceleration_detection == "Use":
        yield FieldError("gpuNetworkAccelerationDetection", _NO_NETWORK)


def _memory_errors(body: NodePoolUpdate) -> Iterator[FieldError]:
    memory = body.gpu_resource_optimization
    if memory is None:
        return
    for name, wanted in (
        ("swapEnabled", memory.swap_enabled),
        ("nodeLevelSchedulerEnabled", memory.node_level_scheduler_enabled),
    ):
        if wanted:
            yield FieldError(
                f"gpuResourceOptimization.{name}", "must be false: it needs Kubernetes"
            )


def _configuration_errors(body: NodePoolUpdate) -> Iterator[FieldError]:
    configuration = body.scheduling_configuration
    if configuration is None:
        return
    if configuration.min_guaranteed_runtime is not None:
        try:
            parse_duration(configuration.min_guaranteed_runtime)
        except InvalidDuration as error:
            yield FieldError("schedulingConfiguration.minGuaranteedRuntime", str(error))
    newer, older = configuration.placement_strategy, body.placement_strategy
    for name in ("cpu", "gpu"):
        values = {
            value for value in (_strategy(newer, name), _strategy(older, name)) if value is not None
        }
        if len(values) > 1:
            yield FieldError(
                f"placementStrategy.{name}",
                "differs from the one in schedulingConfiguration; leave it out",
            )


def _strategy(strategies: Strategies | None, name: str) -> str | None:
    value: str | None = getattr(strategies, name, None)
    return value


_NO_NETWORK = "is not supported: accelerated networks between nodes are not looked for"
