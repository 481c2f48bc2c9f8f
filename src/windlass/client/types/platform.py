"""The platform itself, and the images on its machine, as the wire shows them."""

from typing import NotRequired, TypedDict


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


class RotatedKey(TypedDict):
    """The key that seals from now on, and how many secrets it has sealed anew."""

    keyId: int
    secrets: int


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


class PlatformTls(TypedDict):
    """The certificate that API and gateway show; `problem` says why its files cannot be used as
    they are now, and `atGateway` whether the gateway shows the same, null where that is unknown."""

    selfSigned: bool
    certificateFile: str
    keyFile: str
    serialNumber: str
    names: list[str]
    endsAt: str
    problem: str | None
    atGateway: bool | None


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
    tls: NotRequired[PlatformTls | None]
