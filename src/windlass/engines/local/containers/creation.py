"""The request that creates a replica's container: pure, in the words of the Docker API.

Source: https://docs.docker.com/reference/api/engine/ (ContainerCreate).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from windlass.engines.engine import ReplicaSpec
from windlass.engines.local.containers.facts import EngineFacts
from windlass.engines.local.containers.settings import HOST_NETWORK, ContainerSettings
from windlass.engines.local.expansion import expand

PLATFORM_LABEL = "windlass.platform"
REPLICA_LABEL = "windlass.replica"
GIVEN_BY_PLATFORM = ("PORT", "NVIDIA_VISIBLE_DEVICES")
"""Variables that neither an image nor a request may set."""
HOME = "/home/replica"
"""The folder of a container that was asked to have a home of its own."""

_LOOPBACK = "127.0.0.1"
_LOG_SIZE = "20m"
_CPU_PERIOD = 100_000
"""Microseconds, as the kernel has it by default."""
_LEAST_CPU_QUOTA = 1000
_SHARES_PER_CORE = 1024
_LEAST_SHARES = 2
_NO_DEVICES = "void"


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What an image says of itself."""

    id: str
    environment: tuple[str, ...] = ()
    user: str = ""
    has_command: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """What the machine gives to one replica."""

    platform: str
    """Which platform's container it is."""
    ports: Mapping[int, int]
    """The machine's loopback port of each declared one."""
    device_request: Mapping[str, Any] | None = None
    machine_memory_bytes: int = 0


def image_facts(described: Mapping[str, Any]) -> ImageFacts:
    """From an engine's description of an image."""
    config = described.get("Config") or {}
    return ImageFacts(
        id=str(described["Id"]),
        environment=tuple(config.get("Env") or ()),
        user=str(config.get("User") or ""),
        has_command=bool(config.get("Entrypoint") or config.get("Cmd")),
    )


def creation(
    spec: ReplicaSpec,
    image: ImageFacts,
    place: Place,
    engine: EngineFacts,
    settings: ContainerSettings,
) -> dict[str, Any]:
    """The body of the request."""
    template = spec.template
    environment, removed = _environment(spec, image, place, settings)
    body: dict[str, Any] = {
        "Image": image.id,
        "Env": [f"{name}={value}" for name, value in environment.items()] + removed,
        "Labels": {PLATFORM_LABEL: place.platform, REPLICA_LABEL: spec.replica_id},
        "HostConfig": _host_config(spec, place, engine, settings),
    }
    known = {**_image_environment(image), **environment}
    if template.command is not None:
        body["Entrypoint"] = [expand(word, known) for word in template.command]
        # As in Kubernetes, a command without arguments drops those of the image, too.
        body["Cmd"] = []
    if template.args is not None:
        body["Cmd"] = [expand(word, known) for word in template.args]
    if template.working_dir is not None:
        body["WorkingDir"] = template.working_dir
    if spec.host_name is not None and settings.network != HOST_NETWORK:
        body["Hostname"] = spec.host_name
    if user := _user(spec, image):
        body["User"] = user
    if settings.network != HOST_NETWORK:
        body["ExposedPorts"] = {f"{port}/tcp": {} for port in place.ports}
    return body


def excluded_of_image(spec: ReplicaSpec, image: ImageFacts) -> list[int]:
    """Which of the requested variables take one away that the image sets, by their place."""
    of_image = _image_environment(image)
    return [
        index
        for index, variable in enumerate(spec.template.environment)
        if variable.exclude and variable.name in of_image
    ]


def runs_as_root(spec: ReplicaSpec, image: ImageFacts) -> bool | None:
    """Whether its user is root; None where only a name is known, which may be anybody's."""
    user = _user(spec, image) or image.user
    name = user.partition(":")[0]
    if name.isdigit():
        return int(name) == 0
    return True if name in ("", "root") else None


def _environment(
    spec: ReplicaSpec, image: ImageFacts, place: Place, settings: ContainerSettings
) -> tuple[dict[str, str], list[str]]:
    """What it is given, and the names of what is taken from it that the image has."""
    given = _given(spec, place, settings)
    environment = dict(spec.platform_environment)
    if spec.template.container.create_home:
        environment["HOME"] = HOME
    of_image = _image_environment(image)
    for variable in spec.template.environment:
        if not variable.exclude:
            known = {**of_image, **environment, **given}
            environment[variable.name] = expand(variable.value, known)
    removed = [
        spec.template.environment[index].name
        for index in excluded_of_image(spec, image)
        if spec.template.environment[index].name not in environment
    ]
    return {**environment, **given}, removed


def _given(spec: ReplicaSpec, place: Place, settings: ContainerSettings) -> dict[str, str]:
    template = spec.template
    on_host = settings.network == HOST_NETWORK

    def within(port: int) -> str:
        """Where the container itself listens: elsewhere than declared on the host's network."""
        return str(place.ports[port] if on_host else port)

    given = {"PORT": within(template.container_port)}
    given |= {f"PORT_{each}": within(each) for each in template.additional_ports}
    if place.device_request is None:
        # Images made for GPUs ask for all of them, and some engines give whatever an image asks.
        given["NVIDIA_VISIBLE_DEVICES"] = _NO_DEVICES
    return given


def _image_environment(image: ImageFacts) -> dict[str, str]:
    pairs = (text.partition("=") for text in image.environment)
    return {name: value for name, _, value in pairs}


def _user(spec: ReplicaSpec, image: ImageFacts) -> str:
    options = spec.template.container
    if options.group is not None:
        user = options.user if options.user is not None else image.user.partition(":")[0] or "0"
        return f"{user}:{options.group}"
    return "" if options.user is None else str(options.user)


def _host_config(
    spec: ReplicaSpec, place: Place, engine: EngineFacts, settings: ContainerSettings
) -> dict[str, Any]:
    options = spec.template.container
    security = ["no-new-privileges"]
    if options.unconfined_seccomp:
        security.append("seccomp=unconfined")
    config: dict[str, Any] = {
        "RestartPolicy": {"Name": "no"},
        "SecurityOpt": security,
        "CapAdd": list(options.capabilities),
        "ReadonlyRootfs": options.read_only_root,
        "GroupAdd": [str(group) for group in options.supplemental_groups],
        "Ulimits": [
            {"Name": limit.name, "Soft": limit.soft, "Hard": limit.hard}
            for limit in settings.ulimits
        ],
        "LogConfig": _log(engine),
        **_limits(spec, engine, settings),
    }
    if options.large_shared_memory:
        config["ShmSize"] = (
            spec.template.limits.memory_bytes_limit or place.machine_memory_bytes // 2
        )
    if options.create_home:
        config["Tmpfs"] = {HOME: "mode=1777"}
    if settings.network is not None:
        config["NetworkMode"] = settings.network
    if settings.network != HOST_NETWORK:
        config["PortBindings"] = {
            f"{port}/tcp": [{"HostIp": _LOOPBACK, "HostPort": str(host_port)}]
            for port, host_port in place.ports.items()
        }
    if settings.runtime is not None:
        config["Runtime"] = settings.runtime
    if place.device_request is not None:
        config["DeviceRequests"] = [dict(place.device_request)]
    return config


def _limits(spec: ReplicaSpec, engine: EngineFacts, settings: ContainerSettings) -> dict[str, Any]:
    """What the engine can enforce; of the rest `notes` tells."""
    limits = spec.template.limits
    found: dict[str, Any] = {}
    if engine.limits_cpu and limits.cpu_millicores_limit is not None:
        # Docker refuses `NanoCpus` of more than the machine has, which is no more than no limit.
        quota = limits.cpu_millicores_limit * _CPU_PERIOD // 1000
        found["CpuPeriod"], found["CpuQuota"] = _CPU_PERIOD, max(_LEAST_CPU_QUOTA, quota)
    if engine.limits_cpu and limits.cpu_millicores_request:
        shares = limits.cpu_millicores_request * _SHARES_PER_CORE // 1000
        found["CpuShares"] = max(_LEAST_SHARES, shares)
    if engine.limits_memory and limits.memory_bytes_limit is not None:
        found["Memory"] = limits.memory_bytes_limit
        # Swap would only hide that the limit is reached.
        found["MemorySwap"] = limits.memory_bytes_limit
    if engine.limits_pids and settings.pids_limit is not None:
        found["PidsLimit"] = settings.pids_limit
    return found


def _log(engine: EngineFacts) -> dict[str, Any]:
    """The supervisor copies the log and keeps it; the engine needs only what is not copied yet."""
    if engine.is_podman:
        # Where supervisors can read its file they cut out of it what they have copied.
        size = {} if engine.has_readable_logs else {"max-size": _LOG_SIZE}
        return {"Type": "k8s-file", "Config": size}
    return {"Type": "json-file", "Config": {"max-size": _LOG_SIZE, "max-file": "2"}}
