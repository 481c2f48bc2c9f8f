"""Data volumes as files: what they are shared with is said by names, such as `{project: vision}`,
or as the API has it."""

from collections.abc import Callable, Mapping
from typing import Any

from windlass.client import ClientError
from windlass.client.data_volumes import KIND, scopes_of

LEVELS = ("project", "department", "cluster")
_UNLESS_SAID = {"useOriginalVolume": True}


class BadScope(ClientError):
    """A scope that is said in no such way."""


def with_ids(spec: Mapping[str, Any], id_of: Callable[[str, str], str]) -> dict[str, Any]:
    """The spec of a document as the client takes it. Raises BadScope, and what `id_of` raises."""
    made = {**_UNLESS_SAID, **spec}
    if not spec.get("sharedScopes"):
        made.pop("sharedScopes", None)
        return made
    if not isinstance(spec["sharedScopes"], list):
        raise BadScope("spec.sharedScopes: must be a list, such as [{project: vision}]")
    made["sharedScopes"] = scopes_of([_scope(entry, id_of) for entry in spec["sharedScopes"]])
    return made


def with_names(spec: Mapping[str, Any], name_of: Callable[[str, str], str]) -> dict[str, Any]:
    """The spec as a document has it."""
    made = {key: value for key, value in spec.items() if _UNLESS_SAID.get(key) != value}
    if "sharedScopes" in spec:
        made["sharedScopes"] = [
            {scope["scopeType"]: name_of(scope["scopeType"], scope["scopeId"])}
            for scope in spec["sharedScopes"]
        ]
    return made


def _scope(entry: Any, id_of: Callable[[str, str], str]) -> dict[str, str]:
    if isinstance(entry, Mapping):
        if "scopeType" in entry and "scopeId" in entry:
            return {"scopeType": str(entry["scopeType"]), "scopeId": str(entry["scopeId"])}
        named = [level for level in LEVELS if level in entry]
        if len(named) == 1 and len(entry) == 1:
            (level,) = named
            return {"scopeType": level, "scopeId": id_of(level, str(entry[level]))}
    raise BadScope(
        f"spec.sharedScopes: {entry!r} is no scope; say one of project, department and cluster,"
        " such as {project: vision}"
    )


__all__ = ["KIND", "LEVELS", "BadScope", "with_ids", "with_names"]
