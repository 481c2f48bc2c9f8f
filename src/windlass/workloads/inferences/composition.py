"""What an inference is made from beside its own spec, and what they are together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from windlass.assets.kinds import ENVIRONMENT
from windlass.assets.kinds.environment import user_errors
from windlass.identity.tokens import Caller
from windlass.kit.bodies import validate
from windlass.kit.errors import BadRequest, FieldError, invalid_fields
from windlass.org.scopes import Unit
from windlass.org.tree import ProjectRecord
from windlass.spec.combination import Layer, combine, vain_exclusions
from windlass.spec.model import SpecModel, without_nulls
from windlass.spec.scalars import NonEmpty, Uuid
from windlass.workloads.asset_layers import ASSET, AssetIds, UsedAsset, WantedAsset, take_assets
from windlass.workloads.inferences.schemas import InferenceSpec
from windlass.workloads.template_layers import TEMPLATE, TakenTemplate, take_template

REQUEST = "request"
"""The origin of what the request says itself."""


class _Head(SpecModel):
    """What must be known before anything can be combined."""

    project_id: NonEmpty
    template_id: Uuid | None = None
    assets: AssetIds | None = None


@dataclass(frozen=True, slots=True)
class Composition:
    """The body of a creation, whole."""

    body: dict[str, Any]
    layers: Sequence[Layer]
    """What the spec is made of."""
    used: Sequence[UsedAsset] = ()
    owner: ProjectRecord | None = None
    """The project that it is to be in, where that had to be known."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """Where each value of the spec comes from, by its path below `spec`."""

    def told(self, error: BadRequest) -> BadRequest:
        """The same error, saying of what does not come from the request that it does not."""
        lines = [error.message, *(error.details or "").splitlines()]
        marked = [self._marked(line) for line in lines]
        return BadRequest(marked[0], "\n".join(marked[1:]) or None)

    def _marked(self, line: str) -> str:
        path = line.partition(": ")[0].removeprefix("spec.")
        elsewhere = _ELSEWHERE.get(self.origins.get(path, REQUEST))
        return line if elsewhere is None else f"{line} (it comes from {elsewhere})"


def compose(
    connection: Connection,
    given: dict[str, Any],
    caller: Caller,
    workload_type: str,
    project_of: Callable[[Connection, str], ProjectRecord],
) -> Composition:
    """The body with all that its template and its assets say, each value from where it weighs most.

    A body that names none is left alone, sound or not. Raises BadRequest, and what `project_of`
    raises.
    """
    spec = given.get("spec")
    own = Layer(REQUEST, spec if isinstance(spec, dict) else {})
    is_alone = given.get("assets") is None and given.get("templateId") is None
    if is_alone or not isinstance(spec, dict | None):
        return Composition(given, [own])
    head, errors = validate(_Head, given)
    if head is None:
        raise invalid_fields(errors)
    owner = project_of(connection, head.project_id)
    unit = unit_of(owner)
    taken = _taken(connection, head, unit, workload_type, caller)
    layers, used = taken.layers, taken.used
    _require_sound(spec)
    _require_user_left_open(taken, own)
    if errors := [_in_vain(path) for path in vain_exclusions(InferenceSpec, [own, *layers])]:
        raise invalid_fields(errors)
    combined = combine(InferenceSpec, [own, *layers])
    body = {**given, "spec": combined.spec}
    return Composition(body, [own, *layers], used, owner, combined.origins)


def unit_of(owner: ProjectRecord) -> Unit:
    """The project's place in the tree."""
    return Unit(owner.tenant_id, owner.cluster_id, owner.department_id, owner.id, owner.name)


_ELSEWHERE = {ASSET: "an asset", TEMPLATE: "the template"}


@dataclass(frozen=True, slots=True)
class _Below:
    """What is below the request."""

    layers: Sequence[Layer]
    used: Sequence[UsedAsset]
    environment: Mapping[str, Any] | None
    template: TakenTemplate | None = None


def _taken(
    connection: Connection, head: _Head, unit: Unit, workload_type: str, caller: Caller
) -> _Below:
    """The layers below the request, and what they are made from."""
    named = head.assets.by_kind() if head.assets else {}
    wanted = [WantedAsset(kind, asset_id, f"assets.{kind}") for kind, asset_id in named.items()]
    if head.template_id is None:
        taken = take_assets(connection, wanted, unit, workload_type, caller)
        return _Below(taken.layers, taken.used, taken.specs.get(ENVIRONMENT.name))
    template = take_template(
        connection, head.template_id, "templateId", unit, workload_type, caller
    )
    wanted += template.assets(named)
    known = template.references
    taken = take_assets(connection, wanted, unit, workload_type, caller, known)
    environment = taken.specs.get(ENVIRONMENT.name, {})
    layers = [template.layer(environment), *taken.layers]
    return _Below(layers, [template.used, *taken.used], environment, template)


def _require_user_left_open(below: _Below, own: Layer) -> None:
    """Raises BadRequest for a user or groups that the environment does not leave to others."""
    if below.environment is None:
        return
    errors = [
        FieldError(f"spec.security.{error.path}", error.problem)
        for error in user_errors(below.environment, _security(own))
    ]
    if below.template is not None:
        name = below.template.row.name
        errors += [
            FieldError(below.template.path, f"the template {name!r}: security.{error}")
            for error in user_errors(below.environment, _security(below.layers[0]))
        ]
    if errors:
        raise invalid_fields(errors)


def _in_vain(path: str) -> FieldError:
    problem = "takes out nothing: neither a template nor an asset has such an entry"
    return FieldError(f"spec.{path}.exclude", problem)


def _security(layer: Layer) -> Mapping[str, Any]:
    said: Mapping[str, Any] = without_nulls(layer.spec.get("security") or {})
    return said


def _require_sound(spec: dict[str, Any] | None) -> None:
    """Values of the wrong form could hide what is combined with them. Raises BadRequest."""
    errors: list[FieldError] = validate(InferenceSpec, spec or {})[1]
    if errors:
        raise invalid_fields([FieldError(f"spec.{error.path}", error.problem) for error in errors])
