"""What every engine offers, in words of replicas.

An engine knows nothing of users, projects' rights or HTTP. A replica id is one start: a retry is a
new id, and starting an id that was ever started does nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Device:
    """One GPU of a node."""

    id: str
    """What `CUDA_VISIBLE_DEVICES` names it by: its UUID, or `SIM-<n>` when it is only declared."""
    index: int
    model: str
    memory_bytes: int
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class Taint:
    """Keeps replicas off a node unless their workload tolerates it, in Kubernetes' words."""

    key: str
    value: str = ""
    effect: str = "NoSchedule"
    """`NoSchedule`, `NoExecute`, or `PreferNoSchedule`, which keeps nothing off."""


@dataclass(frozen=True, slots=True)
class Node:
    """One machine replicas can run on, or one that is only declared."""

    name: str
    cpu_millicores: int
    memory_bytes: int
    devices: tuple[Device, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    simulated: bool = False
    """Declared for a trial: there is nothing that could run a replica."""


@dataclass(frozen=True, slots=True)
class DeviceShare:
    """The part of one device that a replica may use."""

    device_id: str
    portion: float
    """Above 0 and at most 1; 1 is the whole device."""
    memory_bytes: int


class ValueKind(StrEnum):
    """What a value is kept in."""

    SECRET = "secret"
    CONFIG_MAP = "configMap"
    USER_CREDENTIAL = "userCredential"


@dataclass(frozen=True, slots=True)
class ValueSource:
    """Where a value is kept that is not in the template itself."""

    kind: ValueKind
    name: str
    key: str


@dataclass(frozen=True, slots=True)
class EnvironmentVariable:
    """One variable of a request, in its order; `exclude` removes the image's own."""

    name: str
    value: str = ""
    exclude: bool = False
    value_from: ValueSource | None = None
    """Whoever has a replica started fills the value in before."""
    path: str = field(default="", compare=False)
    """Where the request says so."""
    is_secret: bool = False
    """Whether its value may be on no disk for longer than a start takes."""


@dataclass(frozen=True, slots=True)
class PullSecret:
    """A credential for a registry, by the name that the request gives."""

    name: str
    is_users_own: bool = False


@dataclass(frozen=True, slots=True)
class RegistryCredential:
    """What a registry takes."""

    url: str
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class HttpGet:
    """An HTTP probe. `port` None is the replica's own port."""

    path: str = "/"
    port: int | None = None
    scheme: str = "HTTP"


@dataclass(frozen=True, slots=True)
class Probe:
    """A readiness probe; seconds and counts as in Kubernetes.

    `http_get` None: listening is enough.
    """

    http_get: HttpGet | None = None
    initial_delay_seconds: int = 0
    period_seconds: int = 10
    timeout_seconds: int = 1
    success_threshold: int = 1
    failure_threshold: int = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests and limits of one replica; None is unlimited."""

    cpu_millicores_request: int | None = None
    cpu_millicores_limit: int | None = None
    memory_bytes_request: int | None = None
    memory_bytes_limit: int | None = None


class PullPolicy(StrEnum):
    """When an image is pulled, as in Kubernetes."""

    ALWAYS = "Always"
    """Once for each revision, whatever is there."""
    IF_NOT_PRESENT = "IfNotPresent"
    NEVER = "Never"


@dataclass(frozen=True, slots=True)
class ContainerOptions:
    """What only a container can honour; each default is what the image and its engine say."""

    pull_policy: PullPolicy | None = None
    """None: `Always` for a tag that moves, else `IfNotPresent`."""
    large_shared_memory: bool = False
    create_home: bool = False
    """Whether it gets an empty HOME of its own that its user may write."""
    user: int | None = None
    group: int | None = None
    supplemental_groups: tuple[int, ...] = ()
    run_as_non_root: bool = False
    capabilities: tuple[str, ...] = ()
    """Given to it beside those that its engine gives to every container."""
    read_only_root: bool = False
    unconfined_seccomp: bool = False
    pull_secrets: tuple[PullSecret, ...] = ()
    pull_credentials: tuple[RegistryCredential, ...] = ()
    """The same filled in by whoever has an image obtained; they go before the platform's own."""


@dataclass(frozen=True, slots=True)
class ReplicaTemplate:
    """What to run: the same for every replica of one revision."""

    image: str
    container_port: int
    command: tuple[str, ...] | None = None
    """Split into words, `$(NAME)` not yet expanded; None is the image's own."""
    args: tuple[str, ...] | None = None
    working_dir: str | None = None
    environment: tuple[EnvironmentVariable, ...] = ()
    probe: Probe | None = None
    limits: Limits = field(default_factory=Limits)
    additional_ports: tuple[int, ...] = ()
    """Further ports that replicas listen on, as declared. `PORT_<n>` tells a replica where that is,
    as `PORT` does for the first."""
    device_count: int = 0
    """How many GPUs each replica is given, whole or in part."""
    container: ContainerOptions = field(default_factory=ContainerOptions)

    @property
    def holds_secrets(self) -> bool:
        """Whether a secret is among its variables."""
        return any(variable.is_secret for variable in self.environment)

    def value_sources(self) -> Iterator[tuple[ValueSource, str]]:
        """Where values of variables are to be filled in from, each with where the request says."""
        for variable in self.environment:
            if variable.value_from is not None:
                yield variable.value_from, variable.path


@dataclass(frozen=True, slots=True)
class ReplicaSpec:
    """One start of one replica."""

    replica_id: str
    owner: str
    """Whose trust domain it runs in: on the local engine, one user id per owner."""
    template: ReplicaTemplate
    platform_environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of the platform (`RUNAI_…`); the template's win over them."""
    devices: tuple[DeviceShare, ...] = ()
    host_name: str | None = None
    """What a container of its own calls itself."""
    image: "PinnedImage | None" = None
    """What its template's image was when the revision's first replica started."""


@dataclass(frozen=True, slots=True)
class PinnedImage:
    """One image, whatever becomes of its name."""

    id: str
    """As its engine knows it: `sha256:…`."""
    digest: str | None = None
    """Where it can be pulled again: `repository@sha256:…`."""


class ImageState(StrEnum):
    """Whether replicas can be started from an image."""

    PRESENT = "present"
    PULLING = "pulling"
    FAILED = "failed"
    """It is tried again."""


@dataclass(frozen=True, slots=True)
class ImageStatus:
    """Where the image of a revision stands."""

    state: ImageState
    pinned: PinnedImage | None = None
    """Once it is present; None for an image that is not pulled at all."""
    reason: str = ""
    """One word, such as `Pulling` or `ImageNotFound`."""
    message: str = ""
    """What is happening, how far it is, or what went wrong and what would help."""
    progress: float | None = None
    """From 0 to 1, where the size is known."""
    pulled: bool = False
    """Whether it was pulled for this."""
    attempt: int = 0
    """Which attempt to pull it this is, or was."""


class ReplicaState(StrEnum):
    """Where one start of a replica stands."""

    STARTING = "starting"
    RUNNING = "running"
    EXITED = "exited"


class ExitReason(StrEnum):
    """Why a replica's process is gone."""

    COMPLETED = "Completed"
    """Exit code 0."""
    ERROR = "Error"
    """Exit code other than 0, or a signal that neither we nor the kernel's memory limit sent."""
    OUT_OF_MEMORY = "OOMKilled"
    STOPPED = "Stopped"
    """We stopped it."""
    START_FAILED = "StartError"
    """It could not be executed at all."""
    LOST = "Lost"
    """Its supervisor died, and it with it; or the machine restarted."""


@dataclass(frozen=True, slots=True)
class ReplicaExit:
    """How one start of a replica ended. `at` is in seconds since the epoch."""

    reason: ExitReason
    message: str
    at: float
    code: int | None = None
    signal: int | None = None


@dataclass(frozen=True, slots=True)
class ReplicaObservation:
    """What an engine sees of one replica, now. Times are in seconds since the epoch."""

    replica_id: str
    state: ReplicaState
    ready: bool = False
    host: str | None = None
    port: int | None = None
    additional_ports: Mapping[int, int] = field(default_factory=dict)
    """Where each of the template's additional ports is reached on `host`, by the declared port."""
    pid: int | None = None
    started_at: float | None = None
    first_ready_at: float | None = None
    readiness_message: str | None = None
    """Why it is not ready, as the last probe saw it."""
    exit: ReplicaExit | None = None
    notes: tuple[str, ...] = ()
    """What a user should know, once: how limits are enforced, what is not enforced."""
    engine_message: str | None = None
    """Why nothing can be asked about it for now, although it goes on."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why this engine cannot run a template: JSON path under `spec`, reason and cure."""

    path: str
    message: str


class StaleEpoch(Exception):
    """The caller's lease is older than one this engine has already obeyed."""


class ReplicaCannotStart(Exception):
    """The replica cannot be started now, for the reason given; nothing was left behind."""


class ReplicaRefused(ReplicaCannotStart):
    """Nor can it be started later, unless somebody changes what stands against it."""


class Engine(Protocol):
    """One place replicas run. Every method may be called from any thread."""

    def nodes(self) -> Sequence[Node]:
        """The nodes with their devices."""

    def refusals(self, template: ReplicaTemplate, owner: str) -> Sequence[Refusal]:
        """Why the template could not run here; empty when it could."""

    def image(
        self, template: ReplicaTemplate, revision_id: str, pinned: PinnedImage | None
    ) -> ImageStatus:
        """Where the image of a revision stands; one that is not there is pulled, in the background.

        Ask again until it is present. `pinned` is what it was when the revision first started.
        """

    def expect_start(self) -> None:
        """Prepare for a replica that will probably be started within moments. Does not wait."""

    def start(self, spec: ReplicaSpec, epoch: int) -> None:
        """Start a replica, unless this id was ever started.

        Raises StaleEpoch, or ReplicaCannotStart when nothing was started: ReplicaRefused for what
        `refusals` says.
        """

    def stop(self, replica_id: str, grace_seconds: float, epoch: int) -> None:
        """SIGTERM now and SIGKILL to all descendants after the grace. Does not wait.

        Raises StaleEpoch.
        """

    def observe(self) -> Mapping[str, ReplicaObservation]:
        """Every replica this engine has a trace of, running or ended, by id."""

    def observe_one(self, replica_id: str) -> ReplicaObservation | None:
        """One replica, or None where there is no trace of it."""

    def forget(self, replica_id: str, epoch: int) -> None:
        """Remove what an ended replica left, its log included; a running one is killed first."""

    def log_files(self, replica_id: str) -> Sequence[Path]:
        """The replica's log, oldest file first; empty when there is none."""
