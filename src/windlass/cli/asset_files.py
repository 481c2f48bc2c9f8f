"""Assets as files: between documents that people write, with names, and the API's bodies, with ids.

A document has `kind`, `meta` and `spec` as the API has them. Where it is, and what a template is
made of, may be said by names.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from windlass.cli import data_volume_files
from windlass.cli.data_volume_files import LEVELS
from windlass.client import Client, ClientError
from windlass.client.assets import ASSET_PATHS

TEMPLATE = "workload-template"
FIXED = ("workloadSupportedTypes", "autoDelete", "private")
"""What `meta` says beside name, description and place, and what no update changes."""
_CLAIM = "pvc"
_NOT_MADE_YET = "00000000-0000-0000-0000-000000000000"


class BadDocument(ClientError):
    """A document that says nothing sensible of an asset."""


@dataclass(frozen=True, slots=True)
class Place:
    """A unit of the tree."""

    scope: str
    ids: Mapping[str, str] = field(default_factory=dict)
    """Its own id, by its level; nothing for the tenant, and for what ships with the platform."""

    def meta(self) -> dict[str, Any]:
        """What `meta` says of it."""
        if self.scope not in LEVELS:
            return {"scope": self.scope}
        own = self.ids[self.scope]
        return {
            "scope": self.scope,
            f"{self.scope}Id": int(own) if self.scope == "project" else own,
        }


@dataclass(frozen=True, slots=True)
class Wanted:
    """An asset as a document has it."""

    kind: str
    name: str
    place: Place
    body: dict[str, Any]
    """That of a creation."""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class AssetFiles:
    """Reads and writes documents, asking the platform for names and ids."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._units: dict[str, list[dict[str, Any]]] = {}
        self._pretended: set[tuple[str, str]] = set()
        self._claims: dict[str, str] = {}
        """Of those, data sources by the volume claims that they bring."""

    def pretend(self, wanted: Wanted) -> None:
        """From now on it counts as there: for a rehearsal of several documents."""
        self._pretended.add((wanted.kind, wanted.name))
        if wanted.kind == _CLAIM:
            claim = (wanted.body["spec"] or {}).get("claimName")
            self._claims |= {name: str(wanted) for name in (wanted.name, claim) if name}

    def awaited(self, wanted: Wanted) -> str | None:
        """What it refers to that only counts as there; None where there is no such thing."""
        spec = wanted.body["spec"]
        if wanted.kind == data_volume_files.KIND and isinstance(spec, Mapping):
            return self._claims.get(str(spec.get("originPvcName")))
        if wanted.kind == TEMPLATE and _NOT_MADE_YET in _texts(spec):
            return "another document"
        return None

    def read(self, document: Mapping[str, Any]) -> Wanted:
        """What a document asks for. Raises BadDocument."""
        kind, meta = str(document.get("kind")), document.get("meta")
        if kind not in ASSET_PATHS:
            raise BadDocument(f"kind is {kind!r}; it must be one of {', '.join(ASSET_PATHS)}")
        if not isinstance(meta, Mapping) or not isinstance(meta.get("name"), str):
            raise BadDocument("meta.name: is required")
        place = self.place(meta)
        kept = {key: meta[key] for key in ("name", "description", *FIXED) if key in meta}
        spec = document.get("spec")
        if kind == TEMPLATE and isinstance(spec, Mapping):
            spec = self._with_ids(spec, place)
        if kind == data_volume_files.KIND and isinstance(spec, Mapping):
            _require_bare(meta, place)
            spec = data_volume_files.with_ids(spec, self._id_of)
        return Wanted(kind, meta["name"], place, {"meta": {**kept, **place.meta()}, "spec": spec})

    def find(self, kind: str, name: str, place: Place) -> dict[str, Any] | None:
        """The asset of that name in that unit itself; None where there is none."""
        own = {f"{level}_id": place.ids[level] for level in (place.scope,) if level in place.ids}
        found = self._client.assets(kind, name=name, scope=place.scope, **own)
        return self._whole(found[0]) if found else None

    def document(self, asset: dict[str, Any]) -> dict[str, Any]:
        """An asset as a document that `read` reads."""
        meta, asset = asset["meta"], self._whole(asset)
        said = {key: meta[key] for key in ("name", "description", *FIXED) if meta.get(key)}
        level = meta["scope"]
        where = {"scope": level}
        if level in LEVELS:
            where[level] = self._name_of(level, str(meta[f"{level}Id"]))
        spec = shown_spec(asset, by="name")
        if meta["kind"] == data_volume_files.KIND:
            spec = data_volume_files.with_names(spec, self._name_of)
        return {"kind": meta["kind"], "meta": {**said, **where}, "spec": spec}

    def place(self, meta: Mapping[str, Any]) -> Place:
        """Where `meta` says that it is. Raises BadDocument."""
        named = {
            level: str(meta.get(level, meta.get(f"{level}Id")))
            for level in LEVELS
            if meta.get(level, meta.get(f"{level}Id")) is not None
        }
        scope = meta.get("scope") or next(iter(named), None)
        if scope is None:
            raise BadDocument(
                "meta: say where: project, department or cluster, by name, or scope: tenant"
            )
        if scope not in LEVELS:
            return Place(str(scope))
        if scope not in named:
            raise BadDocument(f"meta.{scope}: is required where scope is {scope}")
        return Place(scope, self._ids(scope, named[scope]))

    def _whole(self, asset: dict[str, Any]) -> dict[str, Any]:
        """The asset with what its list leaves out."""
        meta = asset["meta"]
        if meta["kind"] != data_volume_files.KIND:
            return asset
        return self._client.asset(meta["kind"], meta["id"])

    def _ids(self, level: str, name_or_id: str) -> dict[str, str]:
        return {level: self._id_of(level, name_or_id, "meta")}

    def _id_of(self, level: str, name_or_id: str, where: str = "spec.sharedScopes") -> str:
        for unit in self._of(level):
            if name_or_id in (unit["name"], unit.get("id"), unit.get("uuid")):
                return str(unit.get("id") or unit["uuid"])
        known = ", ".join(unit["name"] for unit in self._of(level)) or "none that you may see"
        raise BadDocument(f"{where}.{level}: there is no {level} {name_or_id!r}; there are {known}")

    def _name_of(self, level: str, unit_id: str) -> str:
        for unit in self._of(level):
            if unit_id in (unit.get("id"), unit.get("uuid")):
                return str(unit["name"])
        return unit_id

    def _of(self, level: str) -> list[dict[str, Any]]:
        if level not in self._units:
            lists: Mapping[str, Any] = {
                "project": self._client.projects,
                "department": self._client.departments,
                "cluster": self._client.clusters,
            }
            self._units[level] = list(lists[level]())
        return self._units[level]

    def _with_ids(self, spec: Mapping[str, Any], place: Place) -> dict[str, Any]:
        made = dict(spec)
        if isinstance(spec.get("assets"), Mapping):
            made["assets"] = self._asset_ids(spec["assets"], place)
        distributed = spec.get("distributed")
        master = distributed.get("master") if isinstance(distributed, Mapping) else None
        if isinstance(master, Mapping) and isinstance(master.get("assets"), Mapping):
            ids = self._asset_ids(master["assets"], place)
            made["distributed"] = {**spec["distributed"], "master": {**master, "assets": ids}}
        return made

    def _asset_ids(self, assets: Mapping[str, Any], place: Place) -> dict[str, Any]:
        made = dict(assets)
        for kind in ("environment", "compute"):
            if isinstance(assets.get(kind), str):
                made[kind] = self._asset_id(kind, assets[kind], place)
        if isinstance(assets.get("datasources"), list):
            made["datasources"] = [
                self._data_source(entry, place) for entry in assets["datasources"]
            ]
        return made

    def _data_source(self, entry: Any, place: Place) -> Any:
        if not isinstance(entry, Mapping) or "name" not in entry:
            return entry
        kind = str(entry.get("kind"))
        if kind not in ASSET_PATHS:
            raise BadDocument(f"spec.assets.datasources: {kind!r} is no kind of data source")
        named = {key: value for key, value in entry.items() if key != "name"}
        return {**named, "id": self._asset_id(kind, str(entry["name"]), place)}

    def _asset_id(self, kind: str, name_or_id: str, place: Place) -> str:
        """The id of what can be used in a unit. Names are told from ids by what there is."""
        if (kind, name_or_id) in self._pretended:
            return _NOT_MADE_YET
        ids = {f"{level}_id": unit_id for level, unit_id in place.ids.items()}
        usable = self._client.assets(kind, **ids)
        for asset in usable:
            meta = asset["meta"]
            # Asked about no unit, the platform shows those of all.
            is_usable = bool(ids) or meta["scope"] in ("system", place.scope)
            if is_usable and name_or_id in (meta["name"], meta["id"]):
                return str(meta["id"])
        return name_or_id


def _require_bare(meta: Mapping[str, Any], place: Place) -> None:
    """Raises BadDocument for what a data volume does not have."""
    if place.scope != "project":
        raise BadDocument("meta.project: is required: a data volume is in the project of its claim")
    if odd := [field for field in FIXED if meta.get(field)]:
        raise BadDocument(f"meta.{odd[0]}: is nothing that a data volume has")


def shown_spec(asset: Mapping[str, Any], *, by: str) -> Any:
    """The spec of an asset as it would be given, a template's assets by `name` or by `id`."""
    # Which key seals a credential is the platform's own affair.
    spec = {name: value for name, value in (asset["spec"] or {}).items() if name != "keyId"}
    if asset["meta"]["kind"] != TEMPLATE:
        return spec
    made = {**spec, "assets": _named(spec["assets"], by)}
    if "specificEnv" in spec:
        made["specificEnv"] = _without_twins(spec["specificEnv"])
    if "distributed" in spec:
        made["distributed"] = _distributed(spec["distributed"], by)
    return made


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str):
        yield value


def differences(old: Any, new: Any, path: str = "") -> Iterable[str]:
    """What is otherwise in `new`, one a line."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            inner = f"{path}.{key}" if path else str(key)
            yield from differences(old.get(key), new.get(key), inner)
    elif old != new:
        yield f"{path}: {_told(old)} → {_told(new)}"


def _told(value: Any) -> str:
    return "nothing" if value is None else repr(value)


def _named(assets: Mapping[str, Any], by: str) -> dict[str, Any]:
    made = {**assets, "environment": assets["environment"][by]}
    if "compute" in assets:
        made["compute"] = assets["compute"][by]
    if "datasources" in assets:
        other = {"name": "id", "id": "name"}[by]
        made["datasources"] = [
            {key: value for key, value in entry.items() if key != other}
            for entry in assets["datasources"]
        ]
    return made


def _without_twins(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Connections are shown under both names that they are published with."""
    if "connections" not in parameters:
        return dict(parameters)
    bare = [
        {key: value for key, value in choice.items() if key != "connectionName"}
        for choice in parameters["connections"]
    ]
    return {**parameters, "connections": bare}


def _distributed(distributed: Mapping[str, Any], by: str) -> dict[str, Any]:
    made = dict(distributed)
    if "master" in distributed:
        master = dict(distributed["master"])
        if "assets" in master:
            master["assets"] = _named(master["assets"], by)
        if "specificEnv" in master:
            master["specificEnv"] = _without_twins(master["specificEnv"])
        made["master"] = master
    return made
