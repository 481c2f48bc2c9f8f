"""What an inference is made from beside its own spec, and what they are together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from windlass.identity.tokens import Caller
from windlass.kit.bodies import validate
from windlass.kit.errors import BadRequest, FieldError, invalid_fields
from windlass.org.scopes import Unit
from windlass.org.tree import ProjectRecord
from windlass.spec.combination import Layer, combine
from windlass.spec.model import SpecModel
from windlass.spec.scalars import NonEmpty
from windlass.workloads.asset_layers import ASSET, AssetIds, UsedAsset, take_assets
from windlass.workloads.inferences.schemas import InferenceSpec

REQUEST = "request"
"""The origin of what the request says itself."""


class _Head(SpecModel):
    """What must be known before anything can be combined."""

    project_id: NonEmpty
    assets: AssetIds | None = None


@dataclass(frozen=True, slots=True)
class Composition:
    """The body of a creation, whole."""

    body: dict[str, Any]
    used: Sequence[UsedAsset] = ()
    origins: Mapping[str, str] = field(default_factory=dict)
    """Where each value of the spec comes from, by its path below `spec`."""

    def told(self, error: BadRequest) -> BadRequest:
        """The same error, saying of what comes from an asset that it does."""
        lines = [error.message, *(error.details or "").splitlines()]
        marked = [self._marked(line) for line in lines]
        return BadRequest(marked[0], "\n".join(marked[1:]) or None)

    def _marked(self, line: str) -> str:
        path = line.partition(": ")[0].removeprefix("spec.")
        return f"{line} (it comes from an asset)" if self.origins.get(path) == ASSET else line


def compose(
    connection: Connection,
    given: dict[str, Any],
    caller: Caller,
    workload_type: str,
    project_of: Callable[[Connection, str], ProjectRecord],
) -> Composition:
    """The body with all that its assets say, each value from where it weighs most.

    A body that names none is left alone, sound or not. Raises BadRequest, and what `project_of`
    raises.
    """
    spec = given.get("spec")
    if given.get("assets") is None or not isinstance(spec, dict | None):
        return Composition(given)
    head, errors = validate(_Head, given)
    if head is None:
        raise invalid_fields(errors)
    wanted = head.assets.by_kind() if head.assets else {}
    owner = project_of(connection, head.project_id)
    taken = take_assets(connection, wanted, "assets", unit_of(owner), workload_type, caller)
    _require_sound(spec)
    combined = combine(InferenceSpec, [Layer(REQUEST, spec or {}), *taken.layers])
    return Composition({**given, "spec": combined.spec}, taken.used, combined.origins)


def unit_of(owner: ProjectRecord) -> Unit:
    """The project's place in the tree."""
    return Unit(owner.tenant_id, owner.cluster_id, owner.department_id, owner.id, owner.name)


def _require_sound(spec: dict[str, Any] | None) -> None:
    """Values of the wrong form could hide what is combined with them. Raises BadRequest."""
    errors: list[FieldError] = validate(InferenceSpec, spec or {})[1]
    if errors:
        raise invalid_fields([FieldError(f"spec.{error.path}", error.problem) for error in errors])
