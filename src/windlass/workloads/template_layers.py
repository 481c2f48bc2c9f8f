"""What a workload takes from a template: its assets, and what it says beside them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from windlass.assets.compliance import supports
from windlass.assets.kinds import COMPUTE, ENVIRONMENT, WORKLOAD_TEMPLATE
from windlass.assets.kinds.environment import connect
from windlass.assets.kinds.template import connection_name, run_parameters_in_workload
from windlass.assets.store import visible_assets
from windlass.identity.tokens import Caller
from windlass.kit.errors import BadRequest, FieldError, invalid_fields
from windlass.org.scopes import Unit
from windlass.spec.combination import Layer
from windlass.workloads.asset_layers import UsedAsset, WantedAsset

TEMPLATE = "template"
"""The origin of what comes from one."""


class UnknownTemplate(BadRequest):
    """There is no such template that can be used in the project."""


@dataclass(frozen=True, slots=True)
class TakenTemplate:
    """A template as it was found."""

    row: Row[Any]
    path: str
    """What in the request names it."""
    references: Mapping[str, Row[Any]]
    """What it refers to, by id, where that can be used in the project."""

    @property
    def used(self) -> UsedAsset:
        """The template itself, which the workload uses like its assets."""
        return UsedAsset(self.row.id, self.row.update_count)

    def assets(self, besides: Mapping[str, str]) -> Iterator[WantedAsset]:
        """The assets that it names, without those of which the request names one of its own."""
        named = self.row.spec["assets"]
        for kind in (COMPUTE.name, ENVIRONMENT.name):
            if kind in named and kind not in besides:
                yield WantedAsset(kind, named[kind], self.path, self.row.name)
        for source in named.get("datasources", ()):
            yield WantedAsset(source["kind"], source["id"], self.path, self.row.name)

    def layer(self, environment: Mapping[str, Any]) -> Layer:
        """What it says of a workload that runs this environment. Raises BadRequest."""
        parameters = self.row.spec.get("specificEnv", {})
        part = run_parameters_in_workload(parameters)
        known = {entry["name"]: entry for entry in environment.get("connections", ())}
        errors: list[FieldError] = []
        for choice in parameters.get("connections", ()):
            name = connection_name(choice)
            problem = _choose(part, known.get(name), choice)
            if problem is not None:
                whole = f"the template {self.row.name!r} chooses of connection {name!r}, {problem}"
                errors.append(FieldError(self.path, whole))
        if errors:
            raise invalid_fields(errors)
        return Layer(TEMPLATE, part)


def take_template(
    connection: Connection,
    template_id: str,
    path: str,
    unit: Unit,
    workload_type: str,
    caller: Caller,
) -> TakenTemplate:
    """A template for a workload of that type in that project.

    Raises UnknownTemplate, and BadRequest where it describes what cannot be run.
    """
    wanted = template_id.lower()
    rows = visible_assets(connection, [wanted], unit, caller, with_references=True)
    row = rows.pop(wanted, None)
    if row is None or row.kind != WORKLOAD_TEMPLATE.name:
        raise UnknownTemplate(
            f"{path}: there is no template with the id {template_id!r} that can be used in this"
            " project"
        )
    if problem := _problem(row, workload_type):
        raise invalid_fields([FieldError(path, f"the template {row.name!r} {problem}")])
    return TakenTemplate(row, path, rows)


def _problem(row: Row[Any], workload_type: str) -> str | None:
    if not supports(row.supported_types, workload_type):
        others = [
            name
            for name, said in (row.supported_types or {}).items()
            if said is True and name != workload_type.lower()
        ]
        described = f"workloads of type {' or '.join(others)}" if others else "other workloads"
        return (
            f"describes {described}, which cannot be run here yet; it is not meant for those of"
            f" type {workload_type}"
        )
    for error in WORKLOAD_TEMPLATE.unfit(row.spec):
        return f"cannot be used here: {error}"
    return None


def _choose(
    part: dict[str, Any], connection: Mapping[str, Any] | None, choice: Mapping[str, Any]
) -> str | None:
    """Add a connection of the environment to `part` as it is chosen; what is wrong with that."""
    if connection is None:
        return "which its environment does not have"
    if _is_bare(choice):
        return None
    tool = connection.get("internalToolInfo")
    if tool is None:
        return "which leads elsewhere, so that there is nothing to choose"
    if problem := _unfit_choice(tool["connectionType"], choice):
        return problem
    connect(part, connection)
    if "nodePort" in choice:
        part["ports"][-1]["external"] = choice["nodePort"]
    if "externalUrl" in choice:
        part["exposedUrls"][-1]["url"] = choice["externalUrl"]
    for field in _CALLERS:
        if choice.get(field):
            part["exposedUrls"][-1] |= {field: choice[field], "authorizationType": field}
    return None


_CALLERS = ("authorizedUsers", "authorizedGroups")
_BELONGS: Mapping[str, Sequence[str]] = {
    "NodePort": ("nodePort",),
    "ExternalUrl": ("externalUrl", *_CALLERS),
}
"""What can be chosen of a connection, by its type."""


def _unfit_choice(connection_type: str, choice: Mapping[str, Any]) -> str | None:
    allowed = _BELONGS.get(connection_type, ())
    for field in (*_BELONGS["NodePort"], *_BELONGS["ExternalUrl"]):
        if choice.get(field) and field not in allowed:
            return f"which is of type {connection_type}, a {field}, which it does not have"
    return None


def _is_bare(choice: Mapping[str, Any]) -> bool:
    return not any(choice.get(field) for fields in _BELONGS.values() for field in fields)
