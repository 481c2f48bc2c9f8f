"""What a checked spec asks of the platform, in the platform's words, with every default."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from windlass.engines.engine import ContainerOptions, ReplicaTemplate
from windlass.gateway.gateway import Callers, ReplicaProtocol
from windlass.scheduling import Request
from windlass.spec.autoscaling import DEFAULT_PERCENTAGE, Autoscaling
from windlass.spec.compute import limits_of, request_of
from windlass.spec.connectivity import port_exposures, url_exposures
from windlass.spec.container import probe_of, pull_policy_of, pull_secrets_of, words_of
from windlass.spec.environment import environment_of
from windlass.spec.exposure import Exposure
from windlass.spec.placement import Constraints, constraints_of
from windlass.spec.priority import CATEGORIES, PRIORITY_CLASSES, is_preemptible
from windlass.spec.security import Security, groups_of
from windlass.spec.serving import (
    DEFAULT_INITIALIZATION_TIMEOUT_SECONDS,
    DEFAULT_REQUEST_TIMEOUT_SECONDS,
    ServingConfiguration,
    ServingPort,
    callers_of,
)
from windlass.workloads.inferences.metric_source import metric_source_of
from windlass.workloads.inferences.schemas import InferenceSpec
from windlass.workloads.scaling import Scaling

DEFAULT_CATEGORY = "Deploy"


@dataclass(frozen=True, slots=True)
class DesiredInference:
    """One revision of an inference; see `windlass.workloads.kind.DesiredWorkload`."""

    template: ReplicaTemplate
    request: Request
    scaling: Scaling
    callers: Callers
    constraints: Constraints
    internal_only: bool
    protocol: ReplicaProtocol
    exposures: tuple[Exposure, ...]
    request_timeout_seconds: int
    initialization_timeout_seconds: int
    category: str
    priority_class: str
    priority: int
    preemptible: bool


def desired_of(spec: InferenceSpec) -> DesiredInference:
    """What the spec asks for. It must be one in which `rules.spec_errors` finds nothing."""
    times = spec.serving_configuration or ServingConfiguration()
    serving = spec.serving_port or ServingPort()
    category = spec.category or DEFAULT_CATEGORY
    priority_class = spec.priority_class or CATEGORIES[category]
    return DesiredInference(
        template=template_of(spec),
        request=request_of(spec.compute),
        scaling=scaling_of(spec),
        constraints=constraints_of(
            spec.node_pools,
            spec.node_type,
            spec.node_affinity_required,
            spec.pod_affinity,
            spec.tolerations,
        ),
        callers=callers_of(serving),
        internal_only=bool(serving.cluster_local_access_only),
        protocol=ReplicaProtocol(serving.protocol or ReplicaProtocol.HTTP),
        exposures=exposures_of(spec),
        request_timeout_seconds=times.request_timeout_seconds or DEFAULT_REQUEST_TIMEOUT_SECONDS,
        initialization_timeout_seconds=_initialization_timeout(spec),
        category=category,
        priority_class=priority_class,
        priority=PRIORITY_CLASSES[priority_class],
        preemptible=is_preemptible(priority_class, spec.preemptibility),
    )


def desired_of_stored(spec: Mapping[str, Any]) -> DesiredInference:
    """The same of a spec as it is stored, which is what `InferenceSpec.submitted` gave."""
    return desired_of(InferenceSpec.model_validate(spec))


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
        additional_ports=_additional_ports(spec),
        device_count=request_of(spec.compute).devices,
        container=container_options_of(spec),
    )


def container_options_of(spec: InferenceSpec) -> ContainerOptions:
    """What only a container honours; the defaults where it runs as a process."""
    security = spec.security or Security()
    return ContainerOptions(
        pull_policy=pull_policy_of(spec.image_pull_policy),
        pull_secrets=pull_secrets_of(spec.image_pull_secrets),
        large_shared_memory=bool(spec.compute and spec.compute.large_shm_request),
        create_home=bool(spec.create_home_dir),
        user=security.run_as_uid,
        group=security.run_as_gid,
        supplemental_groups=groups_of(security),
        run_as_non_root=bool(security.run_as_non_root),
        capabilities=tuple(security.capabilities or ()),
        read_only_root=bool(security.read_only_root_filesystem),
        unconfined_seccomp=security.seccomp_profile_type == "Unconfined",
    )


def scaling_of(spec: InferenceSpec) -> Scaling:
    """How many replicas, and what moves their number, with every default."""
    asked = spec.autoscaling or Autoscaling()
    least, most = asked.minimum, asked.maximum
    initial = asked.start if asked.initial_replicas is None else asked.initial_replicas
    return Scaling(
        minimum=least,
        maximum=most,
        initial=min(max(initial, least), most),
        activation=asked.activation_replicas or asked.start,
        metric=asked.metric,
        threshold=asked.metric_threshold,
        utilization_percentage=asked.metric_threshold_percentage or DEFAULT_PERCENTAGE,
        concurrency_limit=asked.concurrency_hard_limit or 0,
        scale_to_zero_retention_seconds=asked.scale_to_zero_retention_seconds or 0,
        scale_down_delay_seconds=asked.scale_down_delay_seconds or 0,
        initialization_timeout_seconds=_initialization_timeout(spec),
        source=metric_source_of(spec),
    )


def exposures_of(spec: InferenceSpec) -> tuple[Exposure, ...]:
    """The further ways to the replicas, those of `ports` first.

    What leads to the serving port by another way than a URL has its callers: else it would be a
    way around them.
    """
    serving = spec.serving_port or ServingPort()
    ports = port_exposures(spec.ports, "spec.ports")
    urls = url_exposures(spec.exposed_urls, "spec.exposedUrls")
    return (
        *(
            replace(each, callers=callers_of(serving))
            if each.container == serving.container
            else each
            for each in ports
        ),
        *urls,
    )


def _initialization_timeout(spec: InferenceSpec) -> int:
    times = spec.serving_configuration or ServingConfiguration()
    return times.initialization_timeout_seconds or DEFAULT_INITIALIZATION_TIMEOUT_SECONDS


def _additional_ports(spec: InferenceSpec) -> tuple[int, ...]:
    source = metric_source_of(spec)
    scraped = [] if source is None or source.port is None else [source.port]
    serving = spec.serving_port.container if spec.serving_port else None
    asked = [each.container for each in exposures_of(spec) if each.container != serving]
    return tuple(sorted({*scraped, *asked}))
