"""The wire shapes that all kinds of assets share: version 2.22 with what 2.24 adds."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, create_model

from windlass.assets.kind import Kind
from windlass.spec.model import SpecModel
from windlass.spec.scalars import Int32, NonEmpty, Uuid

ScopeName = Literal["system", "tenant", "cluster", "department", "project"]
Description = Annotated[str, Field(min_length=1, max_length=250)]


class SupportedTypes(SpecModel):
    """The types of workloads that an asset is for; those that are not false, and all if none is
    said."""

    inference: bool | None = None
    workspace: bool | None = None
    training: bool | None = None
    distributed: bool | None = None
    dist_framework: Literal["MPI", "PyTorch", "TF", "XGBoost"] | None = None


class CreationMeta(SpecModel):
    """What a new asset is called, and where it is to be seen."""

    name: NonEmpty
    """Free in its scope, in every scope above and in every one below."""
    description: Description | None = None
    scope: ScopeName
    """It can be used in this scope and everywhere below."""
    cluster_id: Uuid | None = None
    department_id: NonEmpty | None = None
    project_id: Int32 | None = None
    auto_delete: bool | None = None
    """Whether it goes with the last workload that uses it."""
    workload_supported_types: SupportedTypes | None = None
    private: bool | None = None
    """Whether only its creator sees and uses it."""


class UpdateMeta(SpecModel):
    """What can be changed of an asset beside its spec. All else may be given as it is."""

    name: NonEmpty
    description: Description | None = None
    scope: ScopeName | None = None
    cluster_id: Uuid | None = None
    department_id: NonEmpty | None = None
    project_id: Int32 | None = None
    auto_delete: bool | None = None
    workload_supported_types: SupportedTypes | None = None
    private: bool | None = None


_MADE_AT_RUN_TIME = ConfigDict(use_attribute_docstrings=False)
"""Of models that others are made from: their classes have no source to look into."""


class AssetCreation(SpecModel):
    """The body of a creation; each kind has its own spec."""

    model_config = _MADE_AT_RUN_TIME

    meta: CreationMeta
    spec: Any


class AssetUpdate(SpecModel):
    """The body of an update; each kind has its own spec."""

    model_config = _MADE_AT_RUN_TIME

    meta: UpdateMeta
    spec: Any


class PartialMeta(UpdateMeta):
    """The same where the name may be left out."""

    name: NonEmpty | None = None  # type: ignore[assignment]


class PartialUpdate(SpecModel):
    """The body of an update of which each part may be left out, and then stays."""

    model_config = _MADE_AT_RUN_TIME

    meta: PartialMeta | None = None
    spec: Any = None


def creation_model(kind: Kind) -> type[AssetCreation]:
    """The body with which an asset of that kind is created."""
    return create_model(
        f"{kind.spec.__name__}Creation",
        __base__=AssetCreation,
        __doc__=AssetCreation.__doc__,
        spec=(_spec_type(kind, kind.spec), ...),
    )


def update_model(kind: Kind) -> type[AssetUpdate | PartialUpdate]:
    """The body with which an asset of that kind is changed."""
    if kind.updates_in_part:
        return create_model(
            f"{kind.spec.__name__}Update",
            __base__=PartialUpdate,
            __doc__=PartialUpdate.__doc__,
            spec=(_optional(kind.spec), None),
        )
    return create_model(
        f"{kind.spec.__name__}Update",
        __base__=AssetUpdate,
        __doc__=AssetUpdate.__doc__,
        spec=(_spec_type(kind, kind.update_spec or kind.spec), ...),
    )


def _spec_type(kind: Kind, spec: type[SpecModel]) -> Any:
    return _optional(spec) if kind.may_lack_spec else spec


def _optional(spec: type[SpecModel]) -> Any:
    return spec | None
