"""Workloads, their pods and their events, as the wire shows them."""

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
    spec: NotRequired[dict[str, Any]]
    useGivenNameAsPrefix: NotRequired[bool]
    templateId: NotRequired[str]
    assets: NotRequired[dict[str, Any]]


class CombinedSpec(TypedDict):
    """What a request, its template and its assets make together."""

    spec: dict[str, Any]
    origins: dict[str, str]


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
