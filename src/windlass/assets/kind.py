"""What is said of a kind of asset, so that all else is the same for every kind."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import Connection, Row

from windlass.identity.roles import ResourceType
from windlass.kit.errors import FieldError
from windlass.org.scopes import ScopeType
from windlass.spec.model import SpecModel


class WhileUsed(Enum):
    """Whether an asset may be deleted while something uses it."""

    DELETED = "deleted"
    """It may: workloads have copies of its values, and templates keep its name."""
    CONFLICT = "conflict"
    """409 while templates or other assets refer to it."""
    PRECONDITION_FAILED = "precondition failed"
    """The same, as 412."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One asset that another refers to."""

    path: str
    """Where in the body, such as `spec.accessKeyAssetId`."""
    asset_id: str
    kinds: frozenset[str]
    """What it may be."""


def _no_errors(_spec: Any, _path: str) -> Iterator[FieldError]:
    yield from ()


def _no_references(_spec: Any, _path: str) -> Iterator[Reference]:
    yield from ()


def _nothing_unfit(_spec: Mapping[str, Any]) -> Iterator[FieldError]:
    yield from ()


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of asset. Only the first six say something that no other kind does."""

    name: str
    """As `meta.kind` has it."""
    words: str
    """What people call one, as in "there is no compute resource …"."""
    path: str
    """Of its routes, such as `/api/v1/asset/compute`."""
    tag: str
    """Under which its operations stand in the API's description."""
    resource: ResourceType
    """What permissions speak of."""
    spec: type[SpecModel]
    """The wire shape of `spec`."""
    errors: Callable[[Any, str], Iterator[FieldError]] = _no_errors
    """What does not fit together in a spec whose fields have the right form; the second argument
    is the path of the spec."""
    references: Callable[[Any, str], Iterator[Reference]] = _no_references
    """The assets that a spec refers to."""
    updates_in_part: bool = False
    """Whether an update may leave out `spec`, `meta` or its name, which then stay."""
    update_spec: type[SpecModel] | None = None
    """What may be given of `spec` in an update, where that is less; `keep` then says the rest."""
    keeps: Callable[[Mapping[str, Any], SpecModel], dict[str, Any]] | None = None
    """The spec after an update, from the stored one and the one given; None: the one given."""
    may_lack_spec: bool = False
    """Whether `spec` may be null, which counts as empty."""
    while_used: WhileUsed = WhileUsed.DELETED
    is_read_by_workloads: bool = False
    """Whether workloads read it whenever a replica starts, so that it must not go before them."""
    shown: Callable[[Connection, Sequence[Row[Any]]], Sequence[dict[str, Any]]] | None = None
    """The specs of these rows on the wire; None: as they were given."""
    in_workload: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None
    """What a stored spec says of the spec of a workload that is made from it; None: workloads are
    not made from this kind."""
    unfit: Callable[[Mapping[str, Any]], Iterator[FieldError]] = _nothing_unfit
    """What in a stored spec no workload of this platform can have; paths are within the spec."""
    answer: type[SpecModel] | None = None
    """The shape of `spec` in answers, where it is another."""
    has_status: bool = False
    """Whether `statusInfo=true` shows a status."""
    conceal: Callable[[dict[str, Any]], tuple[dict[str, Any], dict[str, str]]] | None = None
    """Divides a spec into what is shown and the secrets, each under a name, which are kept sealed
    and never shown."""

    meta_path: str = "meta."
    """Where bodies say what an asset is called and where it is; empty where they have no `meta`."""
    named_within: ScopeType | None = None
    """The level of the tree in whose units names are unique; None: on the way down to the asset's
    unit, and below it."""
    is_shared: bool = False
    """Whether other units than its own may be let use it, too."""
    has_history: bool = False
    """Whether what happens to it is kept, to be asked for."""
    family: str | None = None
    """The path of the list in which it stands with others, under `family_name` in their spec."""
    family_name: str | None = None
    """None: its name."""
    deletion_status: int = 202
    """204, too, as published."""

    @property
    def word(self) -> str:
        """The last word of its path, as Python writes names."""
        return self.path.rpartition("/")[2].replace("-", "_")

    @property
    def parameter(self) -> str:
        """What its id is called in paths."""
        return f"{self.word}_id"
