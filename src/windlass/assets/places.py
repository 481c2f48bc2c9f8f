"""Where an asset is: the unit that a body's `meta` names, and that of a row."""

from typing import Any

from sqlalchemy import Connection, Row, RowMapping

from windlass.assets.schemas import CreationMeta
from windlass.identity.tokens import Caller
from windlass.kit.errors import BadRequest, FieldError, invalid_fields
from windlass.org.scopes import SYSTEM, ScopeType, Unit, find_unit, scope_path

_LEVELS = (ScopeType.CLUSTER, ScopeType.DEPARTMENT, ScopeType.PROJECT)


def unit_of_body(
    connection: Connection, caller: Caller, meta: CreationMeta, meta_path: str = "meta."
) -> Unit:
    """The unit that a new asset is to be in.

    The ids of units above it may be given, too, and must then be right. Raises BadRequest.
    """
    if errors := place_errors(meta):
        raise invalid_fields(errors)
    level = ScopeType(meta.scope)
    unit_id = str(caller.tenant_id) if level is ScopeType.TENANT else _given(meta)[level]
    unit = find_unit(connection, level, unit_id or "")
    if unit is None or unit.tenant_id != caller.tenant_id:
        raise no_unit(level, unit_id or "", meta_path)
    actual = {
        ScopeType.CLUSTER: unit.cluster_id,
        ScopeType.DEPARTMENT: unit.department_id,
        ScopeType.PROJECT: unit.project_id,
    }
    wrong = [
        FieldError(
            f"meta.{other}Id", f"is {given!r}; the {level} {unit.id} is in {other} {actual[other]}"
        )
        for other, given in _given(meta).items()
        if given is not None and given != actual[other]
    ]
    if wrong:
        raise invalid_fields(wrong)
    return unit


def place_errors(meta: CreationMeta) -> list[FieldError]:
    """Ids that are missing for the scope, and ids below it."""
    scope = ScopeType(meta.scope)
    if scope is ScopeType.SYSTEM:
        return [FieldError("meta.scope", "must not be system, which is for what ships; use tenant")]
    depth = -1 if scope is ScopeType.TENANT else _LEVELS.index(scope)
    errors = []
    for index, (level, given) in enumerate(_given(meta).items()):
        if index == depth and given is None:
            errors.append(FieldError(f"meta.{level}Id", f"is required where scope is {level}"))
        if index > depth and given is not None:
            errors.append(
                FieldError(f"meta.{level}Id", f"must be left out where scope is {meta.scope}")
            )
    return errors


def no_unit(level: ScopeType, unit_id: str, meta_path: str = "meta.") -> BadRequest:
    """What is said of a unit that there is none of, or that is not to be known of."""
    return BadRequest(f"{meta_path}{level}Id: there is no {level} with the id {unit_id!r}.")


def unit_of(row: Row[Any] | RowMapping) -> Unit:
    """The unit that an asset is in."""
    found = row if isinstance(row, RowMapping) else row._mapping
    if found["scope"] == ScopeType.SYSTEM:
        return SYSTEM
    department, project = found["department_id"], found["project_id"]
    return Unit(
        found["tenant_id"],
        found["cluster_id"],
        None if department is None else str(department),
        None if project is None else str(project),
    )


def place_columns(unit: Unit) -> dict[str, Any]:
    """The columns that say where an asset is."""
    return {
        "scope": unit.type.value,
        "scope_path": scope_path(unit),
        "cluster_id": unit.cluster_id,
        "department_id": None if unit.department_id is None else int(unit.department_id),
        "project_id": None if unit.project_id is None else int(unit.project_id),
    }


def _given(meta: CreationMeta) -> dict[ScopeType, str | None]:
    project = None if meta.project_id is None else str(meta.project_id)
    cluster = None if meta.cluster_id is None else meta.cluster_id.lower()
    return dict(zip(_LEVELS, (cluster, meta.department_id, project), strict=True))
