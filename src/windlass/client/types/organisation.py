"""The tree as the wire shows it: departments, projects, node pools, nodes, clusters."""

from typing import Any, Literal, NotRequired, TypedDict


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
