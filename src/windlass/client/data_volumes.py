"""The operations on data volumes, in the form that those on all other assets have: what is
published is one flat record, and what it is shared with beside it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from windlass.client.connection import Connection
from windlass.client.errors import ApiError

KIND = "data-volume"
PATH = "/api/v1/datavolumes"
_PAGE = 500
_AT_ONCE = 50
"""How many scopes one request shares it with."""
_SPEC = ("originPvcName", "useOriginalVolume")
_DRY_RUN = {"dryRun": "true"}


class DataVolumes:
    """What there is to do with them. Each method raises ApiError, BadAnswer or Unreachable."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self, name: str | None, made_in: str | None, usable_in: str | None) -> list[Any]:
        """Those of that name, those made in a project, those that can be used in one; what they
        are shared with left out."""
        return [_asset(record) for record in self._records(name, made_in, usable_in)]

    def get(self, volume_id: str) -> dict[str, Any]:
        """One, with what it is shared with. Raises NotFound."""
        return _asset(self._connection.request("GET", _place(volume_id)))

    def create(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A new one, shared as `spec.sharedScopes` says, or none at all."""
        spec = body.get("spec") or {}
        made = self._connection.request("POST", PATH, body=_creation(body))
        try:
            self._share(made["id"], [], spec.get("sharedScopes") or [])
        except ApiError:
            self.delete(made["id"])
            raise
        return self.get(made["id"])

    def preview(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """What `create` would make, but for whom it is shared with; nothing is made."""
        asked = _creation(body)
        return _asset(self._connection.request("POST", PATH, parameters=_DRY_RUN, body=asked))

    def update(self, volume_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Give it another description, and share it with other scopes; both or nothing."""
        spec = body.get("spec") or {}
        before = self._connection.request("GET", _place(volume_id))
        self._connection.request("PATCH", _place(volume_id), body=_change(body))
        try:
            self._share(volume_id, scopes_of(before["sharedScopes"]), spec.get("sharedScopes", []))
        except ApiError:
            old = {"description": before.get("description")}
            self._connection.request("PATCH", _place(volume_id), body=old)
            raise
        return self.get(volume_id)

    def preview_update(self, volume_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """What `update` would make of it, but for whom it is shared with; nothing is changed."""
        place, asked = _place(volume_id), _change(body)
        return _asset(self._connection.request("PATCH", place, parameters=_DRY_RUN, body=asked))

    def delete(self, volume_id: str) -> None:
        """Remove one. Raises NotFound."""
        self._connection.request("DELETE", _place(volume_id))

    def _share(self, volume_id: str, before: Sequence[Any], after: Sequence[Any]) -> None:
        added = [scope for scope in after if scope not in before]
        removed = [scope for scope in before if scope not in after]
        longest = max(len(added), len(removed))
        for start in range(0, longest, _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            body = {"add": added[part], "remove": removed[part]}
            self._connection.request("PATCH", f"{_place(volume_id)}/sharedScopes", body=body)

    def _records(
        self, name: str | None, made_in: str | None, usable_in: str | None
    ) -> Iterator[Any]:
        asked: dict[str, Any] = {"requestType": "Originated", "limit": str(_PAGE)}
        if usable_in is not None:
            asked |= {"requestType": "UsableInProject", "usableInProjectId": usable_in}
        filters = {"name": name, "projectId": made_in}
        said = [f"{field}=={value}" for field, value in filters.items() if value is not None]
        if said:
            asked["filterBy"] = ",".join(said)
        offset: Any = 0
        while offset is not None:
            answer = self._connection.request(
                "GET", PATH, parameters={**asked, "offset": str(offset)}
            )
            yield from answer["datavolumes"]
            offset = answer.get("next")


def scopes_of(shared: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Scopes as requests name them, in one order."""
    scopes = [{"scopeType": each["scopeType"], "scopeId": each["scopeId"]} for each in shared]
    return sorted(scopes, key=lambda scope: (scope["scopeType"], scope["scopeId"]))


def _creation(body: Mapping[str, Any]) -> dict[str, Any]:
    meta, spec = body["meta"], body.get("spec") or {}
    given = {key: meta[key] for key in ("name", "description") if key in meta}
    given |= {key: value for key, value in spec.items() if key != "sharedScopes"}
    given["projectId"] = str(meta.get("projectId"))
    return given


def _change(body: Mapping[str, Any]) -> dict[str, Any]:
    spec = body.get("spec") or {}
    fixed = {key: spec[key] for key in _SPEC if key in spec}
    return {"description": body["meta"].get("description"), **fixed}


def _asset(record: Mapping[str, Any]) -> dict[str, Any]:
    spec = {key: record[key] for key in _SPEC}
    if record.get("sharedScopes"):
        spec["sharedScopes"] = scopes_of(record["sharedScopes"])
    kept = ("id", "name", "projectId", "projectName", "createdAt", "createdBy", "updatedAt")
    meta = {key: record[key] for key in (*kept, "updatedBy")}
    described = {"kind": KIND, "scope": "project", "description": record.get("description")}
    # Nothing counts their changes; no two are at the same moment.
    return {"meta": {**meta, **described, "updateCount": record["updatedAt"]}, "spec": spec}


def _place(volume_id: str) -> str:
    return f"{PATH}/{quote(volume_id, safe='')}"
