"""The wire shapes of templates: version 2.22, which 2.24 has unchanged.

Assets are given as ids and shown with their names. `distributed` is published in answers alone, and
taken here, too.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from windlass.assets.kinds.environment import AssetVariable
from windlass.spec.autoscaling import Metric, ReplicaBounds
from windlass.spec.container import ImagePullSecret
from windlass.spec.metadata import Annotation, Label
from windlass.spec.model import SpecModel
from windlass.spec.placement import NodeAffinity, PodAffinity, Toleration
from windlass.spec.priority import Preemptibility
from windlass.spec.scalars import Int32, Int64, NonEmpty, UpTo63, Uuid
from windlass.spec.serving import ServingAccess

DataSourceKind = Literal[
    "s3", "git", "nfs", "pvc", "hostPath", "config-map", "secret-volume", "data-volume"
]
Framework = Literal["MPI", "PyTorch", "TF", "XGBoost", "JAX"]
UpTo1000 = Field(max_length=1000)
CommandLine = Annotated[str, Field(min_length=1, max_length=10_000)]
NotNegative64 = Annotated[int, Field(ge=0, le=2**63 - 1)]
PortNumber = Annotated[int, Field(ge=0, le=65535)]


class DataSourceOverrides(SpecModel):
    """What is otherwise than the data source says."""

    container_path: NonEmpty | None = None
    """Where it is mounted."""


class DataSourceId(SpecModel):
    """A data source."""

    id: Uuid
    kind: DataSourceKind
    overrides: DataSourceOverrides | None = None
    """What is otherwise than the data source says."""


class TemplateAssets(SpecModel):
    """What workloads are made from, by ids."""

    environment: Uuid
    """What runs, by the id of an environment."""
    compute: Uuid | None = None
    """What each replica asks for, by the id of a compute resource."""
    datasources: list[DataSourceId] | None = None
    workload_volumes: list[str] | None = None
    """Volumes of the workload, by name."""


class ConnectionChoice(SpecModel):
    """What is chosen of a connection of the environment."""

    name: NonEmpty | None = None
    """As the environment calls it; `connectionName` is the same."""
    connection_name: NonEmpty | None = None
    """As `name`."""
    node_port: PortNumber | None = None
    """The port of the gateway, for a connection of type NodePort."""
    external_url: NonEmpty | None = None
    authorized_users: list[str] | None = None
    authorized_groups: list[str] | None = None


class RunAutoscaling(ReplicaBounds):
    """How many replicas, under the names that templates have for it."""

    threshold_metric: Metric | None = None
    """`throughput`, `concurrency`, `latency` or the name of a custom metric."""
    threshold_value: Int32 | None = None
    """Requests a second, requests in flight, or milliseconds, of each replica."""


class RunParameters(SpecModel):
    """What is said of a workload beside its assets. It weighs more than they do."""

    connections: list[ConnectionChoice | None] | None = None
    annotations: Annotated[list[Annotation | None], UpTo1000] | None = None
    args: CommandLine | None = None
    auto_deletion_time_after_completion_seconds: Int64 | None = None
    """How long a workload that has completed or failed is kept."""
    backoff_limit: Int64 | None = None
    """How often a workload is tried again before it has failed."""
    category: str | None = None
    command: CommandLine | None = None
    completions: Int32 | None = None
    """How many pods of a training must complete."""
    environment_variables: list[AssetVariable | None] | None = None
    image_pull_secrets: Annotated[list[ImagePullSecret | None], UpTo1000] | None = None
    labels: Annotated[list[Label | None], UpTo1000] | None = None
    node_affinity_required: NodeAffinity | None = None
    node_pools: Annotated[list[UpTo63], UpTo1000] | None = None
    """Node pools in order of preference."""
    node_type: NonEmpty | None = None
    parallelism: Int32 | None = None
    """How many pods of a training run at once."""
    pod_affinity: PodAffinity | None = None
    preemptibility: Preemptibility | None = None
    """Follows the priority class unless given."""
    priority_class: str | None = None
    """One of seven, from very-low to very-high; follows the category unless given."""
    restart_policy: Literal["Always", "Never", "OnFailure"] | None = None
    """When pods are started again."""
    run_as_gid: Int64 | None = None
    run_as_uid: Int64 | None = None
    supplemental_groups: str | None = None
    terminate_after_preemption: bool | None = None
    """Whether a workload ends once it was preempted."""
    termination_grace_period_seconds: NotNegative64 | None = None
    """How long replicas have to end."""
    tolerations: Annotated[list[Toleration | None], UpTo1000] | None = None
    allow_over_quota: bool | None = None
    """True is preemptibility `preemptible`, false `non-preemptible`: no other may exceed quotas."""
    auto_scaling: RunAutoscaling | None = None
    """How many replicas there are."""
    serving_port_access: ServingAccess | None = None
    """Who may call the serving port."""


class MasterAssets(SpecModel):
    """What the master of a distributed job is made from, by ids."""

    mandatory: ClassVar = ("environment",)
    environment: Uuid | None = None
    """What runs, by the id of an environment."""
    compute: Uuid | None = None
    """What each replica asks for, by the id of a compute resource."""
    datasources: list[DataSourceId] | None = None
    workload_volumes: list[str] | None = None
    """Volumes of the workload, by name."""


class Master(SpecModel):
    """The master of a distributed job."""

    assets: MasterAssets | None = None
    specific_env: RunParameters | None = None
    """What is said of the master beside its assets."""


class Distributed(SpecModel):
    """A distributed job: what is said beside it is of its workers."""

    num_workers: Int64 | None = None
    """How many workers there are."""
    no_master: bool | None = None
    """Whether there are workers alone."""
    dist_framework: Framework | None = None
    master: Master | None = None
    """What is otherwise of the master."""


class TemplateSpec(SpecModel):
    """What workloads are made from, and how they run."""

    assets: TemplateAssets
    specific_env: RunParameters | None = None
    """What is said of a workload beside its assets. It weighs more than they do."""
    distributed: Distributed | None = None
    """Given where workloads are distributed jobs."""


class NamedAsset(SpecModel):
    """An asset as it was last called."""

    id: Uuid
    name: str


class NamedEnvironment(NamedAsset):
    """An environment, and the tools that it has."""

    tool_types: list[str] | None = None
    """The tools of its connections."""


class NamedDataSource(NamedAsset):
    """A data source."""

    kind: str
    overrides: DataSourceOverrides | None = None
    """What is otherwise than the data source says."""


class NamedAssets(SpecModel):
    """What workloads are made from, with names."""

    environment: NamedEnvironment
    """What runs."""
    compute: NamedAsset | None = None
    """What each replica asks for."""
    datasources: list[NamedDataSource] | None = None
    """What is mounted."""
    workload_volumes: list[str] | None = None
    """Volumes of the workload, by name."""


class ShownTemplate(TemplateSpec):
    """A template as it is shown."""

    assets: NamedAssets  # type: ignore[assignment]
    distributed: Any = None
