"""What holds of an inference where nobody says anything, as a layer below all others."""

from typing import Any

from windlass.spec.combination import Layer
from windlass.workloads.inferences.desired import DesiredInference

DEFAULT = "default"
"""The origin of what the platform adds."""


def defaults_of(desired: DesiredInference) -> Layer:
    """The defaults beside the values that an inference has; with them it is the same."""
    scaling = desired.scaling
    spec: dict[str, Any] = {
        "category": desired.category,
        "priorityClass": desired.priority_class,
        "preemptibility": "preemptible" if desired.preemptible else "non-preemptible",
        "servingPort": {
            "protocol": desired.protocol.value,
            "authorizationType": "public",
            "clusterLocalAccessOnly": False,
        },
        "autoscaling": {
            "minReplicas": scaling.minimum,
            "maxReplicas": scaling.maximum,
            "initialReplicas": scaling.initial,
            "activationReplicas": scaling.activation,
        },
        "servingConfiguration": {
            "initializationTimeoutSeconds": desired.initialization_timeout_seconds,
            "requestTimeoutSeconds": desired.request_timeout_seconds,
        },
    }
    return Layer(DEFAULT, spec)
