"""What a checked spec asks of the platform, in the platform's words, with every default."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from windlass.engines.engine import ReplicaTemplate
from windlass.scheduling.model import Request
from windlass.workloads.inferences.schemas import InferenceSpec
from windlass.workloads.inferences.serving import (
    DEFAULT_INITIALIZATION_TIMEOUT_SECONDS,
    DEFAULT_REQUEST_TIMEOUT_SECONDS,
    ServingConfiguration,
    ServingPort,
    access_of,
)
from windlass.workloads.kind import Serving
from windlass.workloads.spec.compute import limits_of, request_of
from windlass.workloads.spec.container import probe_of, words_of
from windlass.workloads.spec.environment import environment_of
from windlass.workloads.spec.priority import CATEGORIES, PRIORITY_CLASSES, is_preemptible

DEFAULT_CATEGORY = "Deploy"


@dataclass(frozen=True, slots=True)
class Priority:
    """How much a workload matters."""

    category: str
    priority_class: str
    value: int
    preemptible: bool


def template_of(spec: InferenceSpec) -> ReplicaTemplate:
    """What every replica runs. Raises ValueError without an image or a serving port."""
    port = spec.serving_port.container if spec.serving_port else None
    if spec.image is None or port is None:
        raise ValueError("a spec without an image or a serving port has not been checked")
    return ReplicaTemplate(
        image=spec.image,
        container_port=port,
        command=words_of(spec.command),
        args=words_of(spec.args),
        working_dir=spec.working_dir,
        environment=environment_of(spec.environment_variables),
        probe=probe_of(spec.probes, port),
        limits=limits_of(spec.compute),
    )


def serving_of(spec: InferenceSpec) -> Serving:
    """Who may call, and how long an answer may take."""
    times = spec.serving_configuration or ServingConfiguration()
    return Serving(
        access=access_of(spec.serving_port or ServingPort()),
        request_timeout_seconds=times.request_timeout_seconds or DEFAULT_REQUEST_TIMEOUT_SECONDS,
    )


def initialization_timeout_seconds_of(spec: InferenceSpec) -> int:
    """How long replicas may take to become ready."""
    times = spec.serving_configuration or ServingConfiguration()
    return times.initialization_timeout_seconds or DEFAULT_INITIALIZATION_TIMEOUT_SECONDS


def replicas_of(spec: InferenceSpec) -> int:
    """How many replicas are wanted where their number does not change."""
    return spec.autoscaling.minimum if spec.autoscaling else 1


def priority_of(spec: InferenceSpec) -> Priority:
    """Category, class and preemptibility, each as given or as follows from the one before."""
    category = spec.category or DEFAULT_CATEGORY
    priority_class = spec.priority_class or CATEGORIES[category]
    return Priority(
        category=category,
        priority_class=priority_class,
        value=PRIORITY_CLASSES[priority_class],
        preemptible=is_preemptible(priority_class, spec.preemptibility),
    )


class InferenceKind:
    """Inferences as a kind of workload; `spec` is what `InferenceSpec.submitted` gave."""

    def template(self, spec: Mapping[str, Any]) -> ReplicaTemplate:
        """What each replica runs."""
        return template_of(InferenceSpec.model_validate(spec))

    def request(self, spec: Mapping[str, Any]) -> Request:
        """What each replica needs of a node."""
        return request_of(InferenceSpec.model_validate(spec).compute)

    def serving(self, spec: Mapping[str, Any]) -> Serving:
        """How requests reach it."""
        return serving_of(InferenceSpec.model_validate(spec))

    def initialization_timeout_seconds(self, spec: Mapping[str, Any]) -> float:
        """How long its replicas may take to be ready once they have a place."""
        return initialization_timeout_seconds_of(InferenceSpec.model_validate(spec))
