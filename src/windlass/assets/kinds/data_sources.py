"""Data sources: where data is that workloads read and write.

They are kept complete; no engine here mounts them yet. The values of a configuration map can be
read as environment variables.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Literal

from windlass.assets.kind import Kind, Reference, WhileUsed
from windlass.assets.kinds.credentials import ACCESS_KEY, GENERIC_SECRET, PASSWORD
from windlass.identity.roles import ResourceType
from windlass.kit.errors import FieldError
from windlass.spec.model import SpecModel
from windlass.spec.scalars import NonEmpty, ResourceName, Uuid
from windlass.spec.storage import Claim, FileMode, claim_errors

CONFIG_MAP = "config-map"
_LIST = "/api/v1/asset/datasource"


class PvcUpdate(SpecModel):
    """What can be changed of one: where it is mounted."""

    path: NonEmpty | None = None


class NfsSource(SpecModel):
    """An NFS export."""

    mandatory: ClassVar = ("path", "server", "mount_path")
    path: NonEmpty | None = None
    server: NonEmpty | None = None
    mount_path: NonEmpty | None = None
    read_only: bool | None = None


class GitSource(SpecModel):
    """A Git repository, cloned into each replica."""

    mandatory: ClassVar = ("repository", "path")
    repository: NonEmpty | None = None
    branch: NonEmpty | None = None
    revision: NonEmpty | None = None
    path: NonEmpty | None = None
    password_asset_id: Uuid | None = None
    """The password, which is another asset."""
    credential_id: Uuid | None = None
    """A password, or a generic secret with a key for SSH."""


class HostPathSource(SpecModel):
    """A folder of the machine that a replica runs on."""

    mandatory: ClassVar = ("path", "mount_path")
    path: NonEmpty | None = None
    mount_path: NonEmpty | None = None
    read_only: bool | None = None
    mount_propagation: Literal["None", "HostToContainer"] | None = None


class S3Source(SpecModel):
    """A bucket of an object storage."""

    mandatory: ClassVar = ("bucket", "path", "url")
    bucket: NonEmpty | None = None
    """Its name."""
    path: NonEmpty | None = None
    url: NonEmpty | None = None
    access_key_asset_id: Uuid | None = None
    """The access key, which is another asset."""


class ConfigMapSource(SpecModel):
    """A configuration map: values under keys, as files or as environment variables."""

    mandatory: ClassVar = ("config_map",)
    config_map: ResourceName | None = None
    """What specs of workloads call it."""
    mount_path: NonEmpty | None = None
    sub_path: NonEmpty | None = None
    default_mode: FileMode | None = None
    data: dict[str, str] | None = None
    """Its values, where no Kubernetes cluster has them. Not in the published API."""


class SecretSource(SpecModel):
    """A generic secret, as files."""

    mandatory: ClassVar = ("credential_asset_id", "mount_path")
    credential_asset_id: Uuid | None = None
    """The generic secret, which is another asset."""
    mount_path: NonEmpty | None = None
    default_mode: FileMode | None = None


def _absolute(*fields: str) -> Callable[[Any, str], Iterator[FieldError]]:
    def errors(spec: SpecModel, path: str) -> Iterator[FieldError]:
        values = spec.submitted()
        for field in fields:
            if not str(values.get(field, "/")).startswith("/"):
                yield FieldError(f"{path}.{field}", "must be an absolute path")

    return errors


def _pvc_errors(spec: Claim, path: str) -> Iterator[FieldError]:
    yield from _absolute("path")(spec, path)
    yield from claim_errors(spec, path)


def _git_errors(spec: GitSource, path: str) -> Iterator[FieldError]:
    yield from _absolute("path")(spec, path)
    if spec.password_asset_id is not None and spec.credential_id is not None:
        yield FieldError(f"{path}.credentialId", "must not be given together with passwordAssetId")


def _referring(fields: Mapping[str, frozenset[str]]) -> Callable[[Any, str], Iterator[Reference]]:
    def references(spec: SpecModel, path: str) -> Iterator[Reference]:
        values = spec.submitted()
        for field, kinds in fields.items():
            if field in values:
                yield Reference(f"{path}.{field}", values[field], kinds)

    return references


def _with_path(stored: Mapping[str, Any], given: SpecModel) -> dict[str, Any]:
    return {**stored, **given.submitted()}


def _source(
    name: str,
    words: str,
    path: str,
    resource: ResourceType,
    spec: type[SpecModel],
    errors: Callable[[Any, str], Iterator[FieldError]],
    **more: Any,
) -> Kind:
    settings: dict[str, Any] = {"while_used": WhileUsed.CONFLICT, **more}
    return Kind(
        name=name,
        words=words,
        path=f"{_LIST}/{path}",
        tag="Data sources",
        resource=resource,
        spec=spec,
        errors=errors,
        has_status=True,
        family=_LIST,
        **settings,
    )


DATA_SOURCES = (
    _source(
        "pvc",
        "volume claim",
        "pvc",
        ResourceType.PVC_ASSETS,
        Claim,
        _pvc_errors,
        update_spec=PvcUpdate,
        keeps=_with_path,
        has_history=True,
    ),
    _source(
        "nfs",
        "NFS export",
        "nfs",
        ResourceType.NFS_ASSETS,
        NfsSource,
        _absolute("path", "mountPath"),
    ),
    _source(
        "git",
        "Git repository",
        "git",
        ResourceType.GIT_ASSETS,
        GitSource,
        _git_errors,
        references=_referring(
            {
                "passwordAssetId": frozenset({PASSWORD}),
                "credentialId": frozenset({PASSWORD, GENERIC_SECRET}),
            }
        ),
    ),
    _source(
        "hostPath",
        "host path",
        "host-path",
        ResourceType.HOST_PATH_ASSETS,
        HostPathSource,
        _absolute("path", "mountPath"),
        while_used=WhileUsed.PRECONDITION_FAILED,
    ),
    _source(
        "s3",
        "S3 bucket",
        "s3",
        ResourceType.S3_ASSETS,
        S3Source,
        _absolute("path"),
        references=_referring({"accessKeyAssetId": frozenset({ACCESS_KEY})}),
    ),
    _source(
        CONFIG_MAP,
        "configuration map",
        "config-map",
        ResourceType.CONFIG_MAP_ASSETS,
        ConfigMapSource,
        _absolute("mountPath"),
        is_read_by_workloads=True,
        updates_in_part=True,
        family_name="config_map",
    ),
    _source(
        "secret-volume",
        "secret volume",
        "secrets",
        ResourceType.SECRET_ASSETS,
        SecretSource,
        _absolute("mountPath"),
        references=_referring({"credentialAssetId": frozenset({GENERIC_SECRET})}),
        updates_in_part=True,
        family_name="secret",
    ),
)
