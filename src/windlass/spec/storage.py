"""Volumes of every kind."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from windlass.kit.errors import FieldError
from windlass.spec.model import Item, SpecModel, given
from windlass.spec.scalars import Bytes, NonEmpty, ResourceName, UpTo63, Uuid, matching

FileMode = Annotated[str, matching(r"0[0-7]{3}", "must be four octal digits, such as 0644")]

AttributeKey = Annotated[
    str,
    Field(min_length=1, max_length=63),
    matching(
        r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]",
        "must be letters, digits, '-', '_' and '.', with a letter or digit at both ends",
    ),
]


class DataVolume(Item):
    """A data volume of the platform, by its id."""

    mandatory: ClassVar = ("id", "mount_path")
    identified_by: ClassVar = "id"
    id: Uuid | None = None
    mount_path: str | None = None


class AccessModes(SpecModel):
    """Who may mount a new claim."""

    read_write_once: bool | None = None
    read_only_many: bool | None = None
    read_write_many: bool | None = None


class AddedAttribute(SpecModel):
    """An annotation of a new claim."""

    mandatory: ClassVar = ("key",)
    key: AttributeKey | None = None
    value: str | None = None


class ClaimInfo(SpecModel):
    """How a new claim is made."""

    size: Bytes | None = None
    storage_class: ResourceName | None = None
    access_modes: AccessModes | None = None
    volume_mode: Literal["Filesystem", "Block"] | None = None
    added_attr_values: list[AddedAttribute | None] | None = None


class Claim(SpecModel):
    """A persistent volume claim, there already or made for each workload."""

    mandatory: ClassVar = ("path",)
    path: NonEmpty | None = None
    existing_pvc: bool | None = None
    claim_name: UpTo63 | None = None
    read_only: bool | None = None
    ephemeral: bool | None = None
    claim_info: ClaimInfo | None = None
    data_sharing: bool | None = None


class Pvc(Claim, Item):
    """A persistent volume claim of a workload, there already or made now."""

    identified_by: ClassVar = "name"
    name: NonEmpty | None = None


class HostPath(Item):
    """A folder of the node."""

    mandatory: ClassVar = ("path", "mount_path")
    identified_by: ClassVar = "name"
    name: NonEmpty | None = None
    path: NonEmpty | None = None
    read_only: bool | None = None
    mount_path: NonEmpty | None = None
    mount_propagation: Literal["None", "HostToContainer"] | None = None


class Nfs(Item):
    """An NFS export."""

    mandatory: ClassVar = ("path", "server", "mount_path")
    identified_by: ClassVar = "name"
    name: NonEmpty | None = None
    path: NonEmpty | None = None
    read_only: bool | None = None
    server: NonEmpty | None = None
    mount_path: NonEmpty | None = None


class GitSecret(SpecModel):
    """The credential of a repository."""

    mandatory: ClassVar = ("name", "authentication_method")
    name: NonEmpty | None = None
    authentication_method: Literal["password", "ssh-key"] | None = None
    secret_key_of_user: NonEmpty | None = None
    secret_key_of_password: NonEmpty | None = None


class Git(Item):
    """A Git repository, cloned into the replica."""

    mandatory: ClassVar = ("repository", "path")
    identified_by: ClassVar = "name"
    name: NonEmpty | None = None
    repository: NonEmpty | None = None
    branch: NonEmpty | None = None
    revision: NonEmpty | None = None
    path: NonEmpty | None = None
    password_secret: NonEmpty | None = None
    secret_key_of_user: NonEmpty | None = None
    secret_key_of_password: NonEmpty | None = None
    secret_ref: GitSecret | None = None


class ConfigMapVolume(Item):
    """A Kubernetes config map as files."""

    mandatory: ClassVar = ("config_map", "mount_path")
    identified_by: ClassVar = "name"
    name: NonEmpty | None = None
    config_map: ResourceName | None = None
    mount_path: NonEmpty | None = None
    sub_path: NonEmpty | None = None
    default_mode: FileMode | None = None


class SecretVolume(Item):
    """A Kubernetes secret as files."""

    mandatory: ClassVar = ("secret", "mount_path")
    identified_by: ClassVar = "name"
    name: NonEmpty | None = None
    mount_path: NonEmpty | None = None
    secret: NonEmpty | None = None
    default_mode: FileMode | None = None


class EmptyDir(Item):
    """A folder that lives as long as its replica."""

    mandatory: ClassVar = ("path",)
    identified_by: ClassVar = "name"
    name: NonEmpty | None = None
    path: NonEmpty | None = None
    medium: NonEmpty | None = None
    size_limit: Bytes | None = None


class Storage(SpecModel):
    """The volumes of a workload, by kind."""

    data_volume: list[DataVolume | None] | None = None
    pvc: list[Pvc | None] | None = None
    host_path: list[HostPath | None] | None = None
    nfs: list[Nfs | None] | None = None
    git: list[Git | None] | None = None
    config_map_volume: list[ConfigMapVolume | None] | None = None
    secret_volume: list[SecretVolume | None] | None = None
    empty_dir_volume: list[EmptyDir | None] | None = None


def storage_errors(storage: Storage, path: str) -> Iterator[FieldError]:
    """Claims that say too much or too little, and two volumes in one place."""
    for index, claim in given(storage.pvc):
        if claim.exclude:
            continue
        yield from claim_errors(claim, f"{path}.pvc[{index}]")
    yield from _mount_errors(storage, path)


def claim_errors(claim: Claim, path: str) -> Iterator[FieldError]:
    """What one claim says too much or too little of."""
    if claim.existing_pvc:
        if claim.claim_info is not None:
            yield FieldError(f"{path}.claimInfo", "must be left out where existingPvc is true")
        if claim.claim_name is None:
            yield FieldError(f"{path}.claimName", "is required where existingPvc is true")
    elif claim.claim_info is None or claim.claim_info.size is None:
        yield FieldError(f"{path}.claimInfo.size", "is required unless existingPvc is true")


_MOUNTED_AT = (
    ("dataVolume", "data_volume", "mountPath", "mount_path"),
    ("pvc", "pvc", "path", "path"),
    ("hostPath", "host_path", "mountPath", "mount_path"),
    ("nfs", "nfs", "mountPath", "mount_path"),
    ("git", "git", "path", "path"),
    ("configMapVolume", "config_map_volume", "mountPath", "mount_path"),
    ("secretVolume", "secret_volume", "mountPath", "mount_path"),
    ("emptyDirVolume", "empty_dir_volume", "path", "path"),
)


def _mount_errors(storage: Storage, path: str) -> Iterator[FieldError]:
    first: dict[str, str] = {}
    for kind, attribute, field, name in _MOUNTED_AT:
        for index, volume in given(getattr(storage, attribute)):
            place = f"{path}.{kind}[{index}].{field}"
            mount: str | None = getattr(volume, name)
            if volume.exclude or mount is None:
                continue
            if not mount.startswith("/"):
                yield FieldError(place, "must be an absolute path")
            elif first.setdefault(mount.rstrip("/"), place) != place:
                yield FieldError(place, f"is taken by {first[mount.rstrip('/')]}")
