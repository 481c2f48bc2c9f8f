"""Ports for what asks for a node port without naming one."""

import random
from collections.abc import Set

from windlass.kit.errors import Conflict
from windlass.spec.connectivity import NODE_PORTS, ContainerPort
from windlass.workloads.inferences.schemas import InferenceSpec


def lacks_node_ports(spec: InferenceSpec) -> bool:
    """Whether some node port has no number yet."""
    return any(port is not None and _lacks_number(port) for port in spec.ports or ())


def with_node_ports(spec: InferenceSpec, taken: Set[int]) -> InferenceSpec:
    """The spec with a free number for each node port that has none, chosen at random.

    Raises Conflict where none is free.
    """
    ports = list(spec.ports or ())
    named = {port.external for port in ports if port is not None and port.external is not None}
    free = sorted(set(range(NODE_PORTS[0], NODE_PORTS[1] + 1)) - taken - named)
    random.shuffle(free)
    for index, port in enumerate(ports):
        if port is None or not _lacks_number(port):
            continue
        if not free:
            raise Conflict(f"spec.ports[{index}].external: every node port is taken.")
        ports[index] = port.model_copy(update={"external": free.pop()})
    return spec.model_copy(update={"ports": ports})


def _lacks_number(port: ContainerPort) -> bool:
    return port.service_type == "NodePort" and port.external is None
