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


class DataSourceId(SpecModel):
    """A data source."""

    id: Uuid
    kind: DataSourceKind
    overrides: DataSourceOverrides | None = None


class TemplateAssets(SpecModel):
    """What workloads are made from, by ids."""

    environment: Uuid
    compute: Uuid | None = None
    datasources: list[DataSourceId] | None = None
    workload_volumes: list[str] | None = None


class ConnectionChoice(SpecModel):
    """What is chosen of a connection of the environment."""

    name: NonEmpty | None = None
    """As the environment calls it; `connectionName` is the same."""
    connection_name: NonEmpty | None = None
    node_port: PortNumber | None = None
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
    backoff_limit: Int64 | None = None
    category: str | None = None
    command: CommandLine | None = None
    completions: Int32 | None = None
    environment_variables: list[AssetVariable | None] | None = None
    image_pull_secrets: Annotated[list[ImagePullSecret | None], UpTo1000] | None = None
    labels: Annotated[list[Label | None], UpTo1000] | None = None
    node_affinity_required: NodeAffinity | None = None
    node_pools: Annotated[list[UpTo63], UpTo1000] | None = None
    node_type: NonEmpty | None = None
    parallelism: Int32 | None = None
    pod_affinity: PodAffinity | None = None
    preemptibility: Preemptibility | None = None
    priority_class: str | None = None
    restart_policy: Literal["Always", "Never", "OnFailure"] | None = None
    run_as_gid: Int64 | None = None
    run_as_uid: Int64 | None = None
    supplemental_groups: str | None = None
    terminate_after_preemption: bool | None = None
    termination_grace_period_seconds: NotNegative64 | None = None
    tolerations: Annotated[list[Toleration | None], UpTo1000] | None = None
    allow_over_quota: bool | None = None
    """True is preemptibility `preemptible`, false `non-preemptible`: no other may exceed quotas."""
    auto_scaling: RunAutoscaling | None = None
    serving_port_access: ServingAccess | None = None


class MasterAssets(SpecModel):
    """What the master of a distributed job is made from, by ids."""

    mandatory: ClassVar = ("environment",)
    environment: Uuid | None = None
    compute: Uuid | None = None
    datasources: list[DataSourceId] | None = None
    workload_volumes: list[str] | None = None


class Master(SpecModel):
    """The master of a distributed job."""

    assets: MasterAssets | None = None
    specific_env: RunParameters | None = None


class Distributed(SpecModel):
    """A distributed job: what is said beside it is of its workers."""

    num_workers: Int64 | None = None
    no_master: bool | None = None
    dist_framework: Framework | None = None
    master: Master | None = None


class TemplateSpec(SpecModel):
    """What workloads are made from, and how they run."""

    assets: TemplateAssets
    specific_env: RunParameters | None = None
    distributed: Distributed | None = None


class NamedAsset(SpecModel):
    """An asset as it was last called."""

    id: Uuid
    name: str


class NamedEnvironment(NamedAsset):
    """An environment, and the tools that it has."""

    tool_types: list[str] | None = None


class NamedDataSource(NamedAsset):
    """A data source."""

    kind: str
    overrides: DataSourceOverrides | None = None


class NamedAssets(SpecModel):
    """What workloads are made from, with names."""

    environment: NamedEnvironment
    compute: NamedAsset | None = None
    datasources: list[NamedDataSource] | None = None
    workload_volumes: list[str] | None = None


class ShownTemplate(TemplateSpec):
    """A template as it is shown."""

    assets: NamedAssets  # type: ignore[assignment]
    distributed: Any = None
