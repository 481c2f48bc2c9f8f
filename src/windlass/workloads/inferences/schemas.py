"""The wire shapes of inferences: version 2.22 with what 2.24 adds."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from windlass.spec.autoscaling import Autoscaling
from windlass.spec.compute import Compute
from windlass.spec.connectivity import ContainerPort, ExposedUrl, RelatedUrl
from windlass.spec.container import ImagePullPolicy, ImagePullSecret, Probes
from windlass.spec.environment import EnvironmentVariable
from windlass.spec.metadata import Annotation, Label
from windlass.spec.model import SpecModel
from windlass.spec.placement import NodeAffinity, PodAffinity, Toleration
from windlass.spec.priority import Preemptibility
from windlass.spec.scalars import CommandLine, NonEmpty, Uuid
from windlass.spec.security import Security
from windlass.spec.serving import ServingConfiguration, ServingPort
from windlass.spec.storage import Storage
from windlass.workloads.asset_layers import AssetIds

DesiredPhase = Literal["Running", "Stopped", "Deleted"]
Phase = Literal[
    "Creating",
    "Initializing",
    "Resuming",
    "Pending",
    "Deleting",
    "Running",
    "Updating",
    "Stopped",
    "Stopping",
    "Degraded",
    "Failed",
    "Completed",
    "Terminating",
    "Unknown",
]


class InferenceSpec(SpecModel):
    """What is to run and how it is served."""

    image: NonEmpty | None = None
    """The image; `host/…` names a command of the catalogue of this machine. Mandatory."""
    image_pull_policy: ImagePullPolicy | None = None
    image_pull_secrets: list[ImagePullSecret | None] | None = None
    command: CommandLine | None = None
    """Replaces the image's; split into words as a shell does; only `$(NAME)` is expanded."""
    args: CommandLine | None = None
    """Replaces the image's; split like `command`."""
    working_dir: NonEmpty | None = None
    """Where the command starts."""
    create_home_dir: bool | None = None
    probes: Probes | None = None
    environment_variables: list[EnvironmentVariable | None] | None = None
    """Variables of the replica, later ones expanding `$(NAME)` of earlier ones."""
    annotations: list[Annotation | None] | None = None
    labels: list[Label | None] | None = None
    category: str | None = None
    """Build, Train or Deploy, which is the default here."""
    priority_class: str | None = None
    """One of seven, from very-low to very-high; follows the category unless given."""
    preemptibility: Preemptibility | None = None
    """Follows the priority class unless given."""
    node_type: NonEmpty | None = None
    node_affinity_required: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    node_pools: list[str] | None = None
    """Node pools in order of preference."""
    tolerations: list[Toleration | None] | None = None
    ports: list[ContainerPort | None] | None = None
    exposed_urls: list[ExposedUrl | None] | None = None
    related_urls: list[RelatedUrl | None] | None = None
    compute: Compute | None = None
    """What each replica asks for."""
    storage: Storage | None = None
    security: Security | None = None
    serving_port: ServingPort | None = None
    """Mandatory."""
    autoscaling: Autoscaling | None = None
    """One replica unless given."""
    serving_configuration: ServingConfiguration | None = None


class LaunchRequest(SpecModel):
    """The body of a launch from a template. `spec` is what is otherwise than it says, all else says
    whose the inference is and what it is called."""

    name: NonEmpty
    """A DNS label, free in the project, that leaves room for the project in the host name."""
    use_given_name_as_prefix: bool | None = None
    """Add a random suffix to the name."""
    project_id: NonEmpty
    cluster_id: Uuid
    """The project's cluster."""
    assets: AssetIds | None = None
    spec: InferenceSpec | None = None


class InferenceCreationRequest(LaunchRequest):
    """The body of a creation. `spec` is what is run, all else says whose it is and what it is
    called."""

    template_id: Uuid | None = None
    """A template of `/api/v1/asset/workload-template`, for what the body does not say itself."""


class InferenceResponse(BaseModel):
    """An inference as clients see it. `spec` is as submitted, without nulls and unknown fields."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True)

    name: str
    requested_name: str
    workload_id: str
    project_id: str
    department_id: str
    cluster_id: str
    created_by: str
    created_at: str
    deleted_at: str | None = None
    desired_phase: DesiredPhase
    actual_phase: Phase
    spec: dict[str, Any]
    """What `InferenceSpec.submitted` gives."""

    def body(self) -> dict[str, Any]:
        """The body on the wire; `deletedAt` only of what is deleted."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
