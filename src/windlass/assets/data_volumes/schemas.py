"""The wire shapes of bodies about data volumes: version 2.24, which has them as 2.22 had."""

from typing import Annotated, Literal

from pydantic import Field

from windlass.spec.model import SpecModel
from windlass.spec.scalars import NonEmpty, matching

Name = Annotated[
    str,
    matching(
        r"[a-z][-a-z0-9]{0,62}",
        "must be a lower-case letter, then up to 62 lower-case letters, digits and hyphens",
    ),
]
Description = Annotated[str, Field(max_length=127)]
Scopes = Annotated[list["Scope | None"], Field(max_length=50)]


class DataVolumeCreation(SpecModel):
    """A new data volume."""

    name: Name
    """Free in its cluster."""
    description: Description | None = None
    origin_pvc_name: NonEmpty
    """A volume claim that can be used in the project: the name of the data source, or the one that
    its cluster calls it by."""
    project_id: NonEmpty
    """The project of the claim, by its id."""
    should_delete_original_volume: bool | None = None
    """Only false is possible."""
    use_original_volume: bool | None = None
    """Whether it is the claim's own volume rather than a copy; true unless given."""


class DataVolumePatch(SpecModel):
    """What can be changed of a data volume. All else may be given as it is."""

    description: Description | None = None
    name: Name | None = None
    origin_pvc_name: NonEmpty | None = None
    project_id: NonEmpty | None = None
    should_delete_original_volume: bool | None = None
    use_original_volume: bool | None = None


class Scope(SpecModel):
    """A unit of the tree."""

    scope_type: Literal["cluster", "department", "project"]
    scope_id: NonEmpty


class SharedScopesPatch(SpecModel):
    """Units in which a data volume is to be usable, and those in which it is not any more."""

    add: Scopes | None = None
    """Units in which it is to be usable, with all below them."""
    remove: Scopes | None = None
    """Units that it is not to be shared with any more."""
