"""The parts of the wire's objects that this client's users touch.

Every object may hold more than is named here: what the platform sends is handed on as it is.
"""

from typing import Any, Literal, NotRequired, TypedDict

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


class InferenceRequest(TypedDict):
    """The body that creates an inference workload."""

    name: str
    projectId: str
    clusterId: str
    spec: dict[str, Any]
    useGivenNameAsPrefix: NotRequired[bool]


class Inference(TypedDict):
    """An inference workload with all that was asked for."""

    name: str
    requestedName: str
    workloadId: str
    projectId: str
    departmentId: str
    clusterId: str
    createdBy: str
    createdAt: str
    desiredPhase: str
    actualPhase: Phase
    spec: dict[str, Any]
    deletedAt: NotRequired[str | None]


class RequestedPods(TypedDict, total=False):
    """How many replicas are wanted."""

    number: int | None
    min: int | None
    max: int | None


class Resources(TypedDict, total=False):
    """Requested or allocated resources: cores, bytes as quantities, devices."""

    gpu: Any
    gpuMemory: Any
    cpu: Any
    cpuMemory: Any


class LiveReplicas(TypedDict):
    """How many replicas there are and are to be."""

    ready: int
    wanted: int
    min: int
    max: int


class LiveWorkload(TypedDict):
    """What a workload is doing right now; None where it has yet to be measured."""

    id: str
    name: str
    projectId: str
    projectName: str
    phase: Phase
    phaseMessage: str
    replicas: LiveReplicas
    requestsPerSecond: float | None
    latencyMilliseconds: float | None
    concurrency: float | None
    inFlight: int | None
    held: int | None


class Connection(TypedDict):
    """One way into a workload, and who may use it."""

    name: str
    toolType: str
    connectionType: str
    url: str
    containerPort: int
    authorizationType: str
    authorizedUsers: NotRequired[list[str]]
    authorizedGroups: NotRequired[list[str]]


class Workload(TypedDict):
    """A workload as the list of workloads shows it. Times are ISO 8601."""

    id: str
    type: str
    name: str
    projectId: str
    projectName: str
    departmentId: str
    departmentName: str
    clusterId: str
    phase: Phase
    createdAt: str
    runningPods: int
    phaseUpdatedAt: NotRequired[str]
    deletedAt: NotRequired[str | None]
    phaseMessage: NotRequired[str]
    phaseReason: NotRequired[str | None]
    requestedPods: NotRequired[RequestedPods]
    urls: NotRequired[list[str]]
    externalConnections: NotRequired[list[Connection]]
    images: NotRequired[list[str]]
    priorityClassName: NotRequired[str]
    preemptible: NotRequired[bool | None]
    category: NotRequired[str]
    submittedBy: NotRequired[str]
    allocatedResources: NotRequired[Resources]
    podsRequestedResources: NotRequired[Resources]


class WorkloadPage(TypedDict):
    """One page of workloads; `next` is the offset of the page that follows."""

    workloads: list[Workload]
    next: NotRequired[int | None]


class Container(TypedDict):
    """The one container of a replica."""

    name: str
    image: str
    startedAt: NotRequired[str | None]


class PodExit(TypedDict):
    """How a pod ended. `signal` is set when one ended it, else `code` if its process started."""

    reason: str
    message: str
    code: NotRequired[int | None]
    signal: NotRequired[int | None]


class Pod(TypedDict):
    """One start of one replica."""

    id: str
    name: str
    workloadId: str
    createdAt: str
    k8sPhase: str
    nodeName: NotRequired[str | None]
    completedAt: NotRequired[str | None]
    containers: NotRequired[list[Container]]
    ready: NotRequired[bool]
    devices: NotRequired[list[str]]
    exit: NotRequired[PodExit | None]
    allocatedResources: NotRequired[Resources]


class Event(TypedDict):
    """Something that happened to a workload; `type` is Normal or Warning."""

    id: str
    createdAt: str
    type: str
    reason: str
    message: str
    source: NotRequired[str]


class Share(TypedDict, total=False):
    """What may be had of one resource; -1 is unlimited."""

    deserved: float | None
    limit: float | None
    overQuotaWeight: float | None


class MemoryShare(Share):
    """The same of memory, in these units."""

    units: Literal["Mib", "MB", "GB"]


class PoolReference(TypedDict):
    """A node pool."""

    id: str
    name: NotRequired[str]


class PoolResources(TypedDict, total=False):
    """What a department or project may have in one node pool; CPU in millicores."""

    nodePool: PoolReference
    gpu: Share
    cpu: Share
    memory: MemoryShare
    priority: str


class OrgUnit(TypedDict):
    """A department or a project."""

    id: str
    name: str
    clusterId: str
    parentId: NotRequired[str]
    departmentName: NotRequired[str]
    description: NotRequired[str]
    createdAt: NotRequired[str]
    defaultNodePools: NotRequired[list[str] | None]
    resources: NotRequired[list[PoolResources]]
    totalResources: NotRequired[dict[str, float | None]]
    status: NotRequired[dict[str, Any]]


class NodePool(TypedDict):
    """A node pool: the nodes with one label."""

    id: str
    name: str
    clusterId: str
    labelKey: str
    labelValue: str
    isDefault: bool
    phase: str
    placementStrategy: dict[str, str]
    status: dict[str, Any]


class Node(TypedDict):
    """A node; `simulated` where it is only declared."""

    name: str
    status: str
    nodePool: str
    gpuInfo: dict[str, Any] | None
    labels: NotRequired[dict[str, str]]
    simulated: NotRequired[bool]


class Cluster(TypedDict):
    """A cluster."""

    uuid: str
    tenantId: int
    name: str
    version: NotRequired[str | None]
    status: NotRequired[dict[str, Any]]


class PlatformDevice(TypedDict):
    """A GPU of this machine; `portionAllocated` is from 0 to 1."""

    id: str
    model: str
    memoryBytes: int
    simulated: bool
    portionAllocated: float


class PlatformContainers(TypedDict):
    """The container engine of this machine; `engine` is null where none was found."""

    wanted: bool
    problem: str | None
    engine: str | None
    version: NotRequired[str]
    url: NotRequired[str]
    storage: NotRequired[str]
    rootless: NotRequired[bool]
    enforces: NotRequired[dict[str, bool]]
    limits: NotRequired[str]
    warning: NotRequired[str | None]
    imageBytes: NotRequired[int | None]


class MachineImage(TypedDict):
    """An image on this machine."""

    id: str
    names: list[str]
    sizeBytes: int
    createdAt: str
    pulledByPlatform: bool
    inUse: bool


class MachineImages(TypedDict):
    """Every image of the container engine; `totalBytes` counts layers once for each image."""

    images: list[MachineImage]
    totalBytes: int


class PrunedImages(TypedDict):
    """What was removed, and how large it was."""

    removed: list[MachineImage]
    freedBytes: int


class PlatformEngine(TypedDict):
    """Where replicas run."""

    name: str
    node: str
    cpuMillicores: int
    memoryBytes: int
    devices: list[PlatformDevice]
    trust: str
    limits: str
    hostImages: list[str]
    hostImagesError: NotRequired[str | None]
    containers: NotRequired[PlatformContainers]


class PlatformGateway(TypedDict):
    """How requests reach replicas: `running` or `down`; of Envoy `unknown` without the gate."""

    url: str
    internalUrl: str
    envoy: str
    gate: str


class PlatformControllers(TypedDict):
    """Who acts on what is wanted; `epoch` counts the holders of the lease so far."""

    running: bool
    epoch: int | None


class Platform(TypedDict):
    """The platform itself."""

    version: str
    tenantId: str
    clusterId: str
    dataDir: str
    database: str
    startedAt: str
    engine: PlatformEngine
    gateway: PlatformGateway
    controllers: PlatformControllers


class Role(TypedDict):
    """A named set of permissions."""

    id: int
    name: str
    description: str
    permissions: list[dict[str, Any]]


class AccessRuleRequest(TypedDict):
    """The body that gives a subject a role at a scope."""

    subjectId: str
    subjectType: str
    roleId: int
    scopeType: str
    scopeId: str


class AccessRule(AccessRuleRequest):
    """A role that a subject has at a scope."""

    id: int
    roleName: str
    scopeName: str
    createdAt: NotRequired[str]
    createdBy: NotRequired[str]


class AuditRecord(TypedDict):
    """Something that was done, or refused."""

    id: str
    timestamp: str
    subject: str
    subject_type: Literal["User", "App"]
    action: str
    result: Literal["Succeeded", "Failed"]
    http_status_code: NotRequired[int]
    entity_type: NotRequired[str]
    entity_name: NotRequired[str]
    entity_id: NotRequired[str]
    source_ip: NotRequired[str]
    request_id: NotRequired[str]
    metadata: NotRequired[dict[str, str]]


class User(TypedDict):
    """Somebody who signs in."""

    id: str
    username: str
    enabled: bool
    isLocal: bool
    groups: list[str]
    createdBy: str
    createdAt: str
    lastLogin: str | None


class NewUser(TypedDict):
    """A user who was just created; the password is told this once."""

    id: str
    username: str
    tempPassword: str
