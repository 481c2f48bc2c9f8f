"""The bodies of requests about the organisation."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel
from pydantic.alias_generators import to_camel

_MOST_GPUS = 1e6
_MOST = 1e15
_LONGEST_DESCRIPTION = 1000
_MOST_ENTRIES = 1000

Text = Annotated[str, Field(min_length=1)]
Description = Annotated[str, Field(max_length=_LONGEST_DESCRIPTION)]
Weight = Annotated[float, Field(ge=0, le=1e6)]
Seconds = Annotated[int, Field(ge=1)]


class Body(BaseModel):
    """Unknown fields are ignored, `null` counts as absent, no value becomes of another type."""

    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        protected_namespaces=(),
        use_attribute_docstrings=True,
    )


class PoolReference(Body):
    """A node pool by its id."""

    id: Text
    name: str | None = None


class GpuShare(Body):
    """GPUs; -1 is unlimited."""

    deserved: Annotated[float, Field(ge=-1, le=_MOST_GPUS)] | None = None
    """What is guaranteed."""
    limit: Annotated[float, Field(ge=-1, le=_MOST_GPUS)] | None = None
    """What is never exceeded; unlimited unless given."""
    over_quota_weight: Weight | None = None
    """By what measure to share what nobody is guaranteed; 0 for none of it. 2 unless given."""


class PlainShare(Body):
    """An amount of CPU in millicores; -1, or nothing, is unlimited."""

    deserved: Annotated[float, Field(ge=-1, le=_MOST)] | None = None
    limit: Annotated[float, Field(ge=-1, le=_MOST)] | None = None
    over_quota_weight: Weight | None = None


class MemoryShare(PlainShare):
    """An amount of memory in `units`; -1, or nothing, is unlimited."""

    deserved: Annotated[float, Field(ge=-1, le=1e12)] | None = None
    limit: Annotated[float, Field(ge=-1, le=1e12)] | None = None
    units: Literal["Mib", "MB", "GB"]


class PoolResources(Body):
    """What a department or project may have in one node pool."""

    node_pool: PoolReference | None = None
    """The default pool unless given."""
    gpu: GpuShare | None = None
    cpu: PlainShare | None = None
    memory: MemoryShare | None = None
    priority: Text | None = None
    """One of `/api/v1/org-unit/priorities`; medium-low unless given."""


class ResourcesUpdate(RootModel[Annotated[list[PoolResources], Field(max_length=_MOST_ENTRIES)]]):
    """What a unit may have, in several node pools."""


class SchedulingRules(Body):
    """Limits of workspaces and trainings."""

    interactive_job_time_limit_seconds: Seconds | None = None
    interactive_job_max_idle_duration_seconds: Seconds | None = None
    interactive_job_preempt_idle_duration_seconds: Seconds | None = None
    training_job_max_idle_duration_seconds: Seconds | None = None
    training_job_time_limit_seconds: Seconds | None = None


class NodeTypes(Body):
    """Kinds of nodes that workspaces and trainings may use."""

    training: list[str] | None = None
    workspace: list[str] | None = None
    names: dict[str, str] | None = None


class UnitUpdate(Body):
    """What can be changed of a department: everything, so that what is left out is reset."""

    description: Description | None = None
    resources: Annotated[list[PoolResources], Field(max_length=_MOST_ENTRIES)]
    """One entry a node pool; pools left out are given what everybody has in a new pool."""
    scheduling_rules: SchedulingRules | None = None
    default_node_pools: Annotated[list[Text], Field(max_length=_MOST_ENTRIES)] | None = None
    """For workloads that name none, by name, in order of preference."""
    node_types: NodeTypes | None = None


class DepartmentCreation(UnitUpdate):
    """A new department."""

    name: Text
    cluster_id: Text


class ProjectUpdate(UnitUpdate):
    """What can be changed of a project."""

    enforce_runai_scheduler: bool | None = None


class ProjectCreation(ProjectUpdate):
    """A new project."""

    name: Text
    cluster_id: Text
    parent_id: Text | None = None
    """The department; the cluster's default one unless given."""
    requested_namespace: Text | None = None


class Strategies(Body):
    """How pods are laid out over nodes."""

    cpu: Literal["spread", "binpack"] | None = None
    gpu: Literal["spread", "binpack"] | None = None


class SchedulingConfiguration(Body):
    """How a node pool is scheduled."""

    placement_strategy: Strategies | None = None
    min_guaranteed_runtime: Text | None = None
    """How long preemptible workloads run before they may be evicted, as `5d8h40m`."""


class GpuResourceOptimization(Body):
    """What is done with the memory of GPUs."""

    swap_enabled: bool | None = None
    cpu_swap_memory_size: str | None = None
    reserved_gpu_memory_for_swap_operations: str | None = None
    node_level_scheduler_enabled: bool | None = None


class NodePoolUpdate(Body):
    """What can be changed of a node pool. A field left out stays as it is in a PATCH."""

    label_key: Text | None = None
    label_value: Text | None = None
    over_provisioning_ratio: int | None = None
    placement_strategy: Strategies | None = None
    """Superseded by the one in `schedulingConfiguration`."""
    gpu_network_acceleration_label_key: str | None = None
    gpu_network_acceleration_detection: Literal["Use", "DontUse", "Auto"] | None = None
    gpu_resource_optimization: GpuResourceOptimization | None = None
    scheduling_configuration: SchedulingConfiguration | None = None
    network_topology_id: str | None = None


class NodePoolCreation(NodePoolUpdate):
    """A new node pool: the nodes with this label."""

    name: Text
    cluster_id: Text
    label_key: Text
    label_value: Text


class ClusterCreation(Body):
    """A cluster that is to be connected."""

    name: Text
    domain: Text | None = None
    version: Text | None = None


class ClusterUpdate(Body):
    """A cluster's new name."""

    name: Text
