"""Environments: image, command, variables, tools and rights of what runs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from windlass.assets.kind import Kind, Reference, WhileUsed
from windlass.assets.kinds.credentials import GENERIC_SECRET
from windlass.identity.roles import ResourceType
from windlass.kit.errors import FieldError
from windlass.spec.container import (
    ImagePullPolicy,
    Probes,
    command_errors,
    image_errors,
)
from windlass.spec.environment import ConfigMapKey, PodFieldReference, variable_errors
from windlass.spec.model import Item, SpecModel, given
from windlass.spec.scalars import CommandLine, Int64, NonEmpty, Port, Uuid
from windlass.spec.security import Capability, Security, security_errors

_MOST_CONNECTIONS = 20

InternalTool = Literal[
    "jupyter-notebook",
    "pycharm",
    "visual-studio-code",
    "tensorboard",
    "rstudio",
    "mlflow",
    "custom",
    "matlab",
    "chatbot-ui",
]


class CredentialKey(SpecModel):
    """A key of a credential, which is another asset."""

    mandatory: ClassVar = ("asset_id", "key")
    asset_id: Uuid | None = None
    key: NonEmpty | None = None


class AssetVariable(Item):
    """One environment variable, from exactly one source."""

    mandatory: ClassVar = ("name",)
    identified_by: ClassVar = "name"
    name: NonEmpty | None = None
    value: str | None = None
    credential: CredentialKey | None = None
    config_map: ConfigMapKey | None = None
    pod_field_ref: PodFieldReference | None = None
    description: str | None = None


class NodePortInfo(SpecModel):
    """Whether whoever submits chooses the node port."""

    is_custom_port: bool | None = None


class ExternalUrlInfo(SpecModel):
    """Whether whoever submits chooses the URL, or which it is."""

    is_custom_url: bool | None = None
    external_url: NonEmpty | None = None


class ServingPortInfo(SpecModel):
    """How the serving port is spoken to."""

    protocol: Literal["grpc", "http"] | None = None


class InternalToolInfo(SpecModel):
    """A tool that runs in the container."""

    tool_type: InternalTool
    connection_type: Literal["LoadBalancer", "NodePort", "ExternalUrl", "ServingPort"]
    container_port: Port
    node_port_info: NodePortInfo | None = None
    external_url_info: ExternalUrlInfo | None = None
    serving_port_info: ServingPortInfo | None = None


class ExternalTool(SpecModel):
    """A tool elsewhere that is linked to."""

    tool_type: Literal["wandb", "comet"]
    external_url: NonEmpty


class Connection(SpecModel):
    """A way to a tool."""

    name: NonEmpty
    is_external: bool | None = None
    internal_tool_info: InternalToolInfo | None = None
    external_tool_info: ExternalTool | None = None


class Environment(SpecModel):
    """What runs, and with which rights. Without an image, workloads made from it name one."""

    image: NonEmpty | None = None
    image_pull_policy: ImagePullPolicy | None = None
    command: CommandLine | None = None
    args: CommandLine | None = None
    working_dir: NonEmpty | None = None
    create_home_dir: bool | None = None
    probes: Probes | None = None
    environment_variables: list[AssetVariable | None] | None = None
    uid_gid_source: Literal["fromTheImage", "fromIdpToken", "custom"] | None = None
    override_uid_gid_in_workspace: bool | None = None
    run_as_uid: Int64 | None = None
    run_as_gid: Int64 | None = None
    supplemental_groups: str | None = None
    run_as_non_root: bool | None = None
    read_only_root_filesystem: bool | None = None
    capabilities: list[Capability] | None = None
    seccomp_profile_type: Literal["RuntimeDefault", "Unconfined", "Localhost"] | None = None
    allow_privilege_escalation: bool | None = None
    host_ipc: bool | None = None
    host_network: bool | None = None
    stdin: bool | None = None
    tty: bool | None = None
    connections: Annotated[list[Connection], Field(max_length=_MOST_CONNECTIONS)] | None = None


_SECURITY = (
    "uidGidSource",
    "runAsUid",
    "runAsGid",
    "supplementalGroups",
    "runAsNonRoot",
    "readOnlyRootFilesystem",
    "capabilities",
    "seccompProfileType",
)
_AS_THEY_ARE = (
    "image",
    "imagePullPolicy",
    "command",
    "args",
    "workingDir",
    "createHomeDir",
    "probes",
)
_NEVER = {
    "allowPrivilegeEscalation": "replicas of this machine never gain rights",
    "hostIpc": "needs Kubernetes: replicas of this machine do not share its IPC",
    "hostNetwork": "needs Kubernetes: replicas of this machine do not share its network",
    "stdin": "is for workloads that somebody types to",
    "tty": "is for workloads that somebody types to",
}


def user_errors(environment: Mapping[str, Any], said: Mapping[str, Any]) -> Iterator[FieldError]:
    """What a workload says of its user and groups, in `security`, which a stored environment does
    not leave to it. Paths are fields of `security`.

    Source: what is published of `runAsUid` and its like: "only when the source of the environment
    is not fromTheImage, and overrideUidGidInWorkspace is enabled".
    """
    ids = ("runAsUid", "runAsGid", "supplementalGroups")
    implied = "custom" if any(field in environment for field in ids) else "fromTheImage"
    source = environment.get("uidGidSource", implied)
    if said.get("uidGidSource", source) != source:
        yield FieldError("uidGidSource", f"must be left out: it is {source} in the environment")
    for field in ids:
        if field not in said or said[field] == environment.get(field):
            continue
        if source == "fromTheImage":
            reason = "takes user and groups from its image (uidGidSource)"
        elif not environment.get("overrideUidGidInWorkspace"):
            reason = "leaves no choice of user and groups (overrideUidGidInWorkspace)"
        else:
            continue
        yield FieldError(field, f"must be left out: the environment {reason}")


def _errors(spec: Environment, path: str) -> Iterator[FieldError]:
    if spec.image is not None:
        yield from image_errors(spec.image, f"{path}.image")
    yield from command_errors(spec.command, spec.args, path)
    variables = spec.environment_variables
    sources = ("value", "credential", "config_map", "pod_field_ref")
    yield from variable_errors(variables, f"{path}.environmentVariables", sources)
    yield from security_errors(_security_of(spec), path)
    yield from _connection_errors(spec.connections or (), f"{path}.connections")


def _security_of(spec: Environment) -> Security:
    fields = spec.as_given()
    return Security.model_validate({name: fields[name] for name in _SECURITY if name in fields})


def _connection_errors(connections: Sequence[Connection], path: str) -> Iterator[FieldError]:
    names: dict[str, int] = {}
    serving: int | None = None
    for index, connection in enumerate(connections):
        entry = f"{path}[{index}]"
        if names.setdefault(connection.name, index) != index:
            yield FieldError(f"{entry}.name", f"is given twice; entry {names[connection.name]} has")
        needed, other = "internalToolInfo", "externalToolInfo"
        if connection.is_external:
            needed, other = other, needed
        given_ = {
            "internalToolInfo": connection.internal_tool_info,
            "externalToolInfo": connection.external_tool_info,
        }
        outside = "true" if connection.is_external else "not true"
        if given_[needed] is None:
            yield FieldError(f"{entry}.{needed}", f"is required where isExternal is {outside}")
        if given_[other] is not None:
            yield FieldError(f"{entry}.{other}", f"must be left out where isExternal is {outside}")
        tool = connection.internal_tool_info
        if tool is not None and tool.connection_type == "ServingPort":
            if serving is not None:
                yield FieldError(
                    f"{entry}.internalToolInfo.connectionType",
                    f"is ServingPort in entry {serving}, too; there is one serving port",
                )
            serving = index


def _references(spec: Environment, path: str) -> Iterator[Reference]:
    yield from variable_references(spec.environment_variables, f"{path}.environmentVariables")


def variable_references(
    variables: Sequence[AssetVariable | None] | None, path: str
) -> Iterator[Reference]:
    """The credentials from which variables have their values."""
    for index, variable in given(variables):
        credential = variable.credential
        if credential is not None and credential.asset_id is not None:
            place = f"{path}[{index}].credential.assetId"
            yield Reference(place, credential.asset_id, frozenset({GENERIC_SECRET}))


def _in_workload(spec: Mapping[str, Any]) -> dict[str, Any]:
    part: dict[str, Any] = {name: spec[name] for name in _AS_THEY_ARE if name in spec}
    if security := {name: spec[name] for name in _SECURITY if name in spec}:
        part["security"] = security
    if variables := spec.get("environmentVariables"):
        part["environmentVariables"] = [workload_variable(entry) for entry in variables]
    for connection in spec.get("connections", ()):
        connect(part, connection)
    return part


def workload_variable(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A variable as workloads have it."""
    variable = {name: value for name, value in entry.items() if name != "credential"}
    if credential := entry.get("credential"):
        variable["secret"] = {"name": credential["assetId"], "key": credential["key"]}
    return variable


def connect(part: dict[str, Any], connection: Mapping[str, Any]) -> None:
    """Add to a part of a workload's spec what a connection says of it."""
    name = connection["name"]
    if external := connection.get("externalToolInfo"):
        related = {"url": external["externalUrl"], "type": external["toolType"], "name": name}
        part.setdefault("relatedUrls", []).append(related)
        return
    tool = connection["internalToolInfo"]
    container = tool["containerPort"]
    shown = {"toolType": tool["toolType"], "toolName": name}
    if tool["connectionType"] == "ServingPort":
        info = tool.get("servingPortInfo") or {}
        part["servingPort"] = {"container": container, **info}
    elif tool["connectionType"] == "ExternalUrl":
        url = (tool.get("externalUrlInfo") or {}).get("externalUrl")
        exposed = {"container": container, **shown, **({"url": url} if url else {})}
        part.setdefault("exposedUrls", []).append(exposed)
    else:
        entry = {"container": container, "serviceType": tool["connectionType"], **shown}
        part.setdefault("ports", []).append(entry)


def _unfit(spec: Mapping[str, Any]) -> Iterator[FieldError]:
    for field, reason in _NEVER.items():
        if spec.get(field):
            yield FieldError(field, reason)


ENVIRONMENT = Kind(
    name="environment",
    words="environment",
    path="/api/v1/asset/environment",
    tag="Environments",
    resource=ResourceType.ENVIRONMENTS,
    spec=Environment,
    errors=_errors,
    references=_references,
    while_used=WhileUsed.CONFLICT,
    in_workload=_in_workload,
    unfit=_unfit,
    has_status=True,
)
