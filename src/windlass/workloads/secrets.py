"""What workloads read of credentials and configuration maps: found when they are submitted, and
filled in whenever a replica starts."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, select

from windlass.assets.kinds.credentials import (
    CREDENTIALS,
    DOCKER_REGISTRY,
    NGC_API_KEY,
    values_of,
)
from windlass.assets.kinds.data_sources import CONFIG_MAP
from windlass.assets.store import usable_assets
from windlass.assets.tables import asset
from windlass.engines.engine import (
    EnvironmentVariable,
    RegistryCredential,
    ReplicaCannotStart,
    ReplicaRefused,
    ReplicaTemplate,
    ValueKind,
)
from windlass.identity.tokens import Caller
from windlass.kit.database import Database
from windlass.kit.errors import FieldError
from windlass.kit.sealing import Seal, Unsealable
from windlass.org.scopes import Unit
from windlass.workloads.asset_layers import UsedAsset
from windlass.workloads.tables import workload_asset

_CREDENTIALS = tuple(kind.name for kind in CREDENTIALS)
_REGISTRIES = (DOCKER_REGISTRY, NGC_API_KEY)
_NGC_REGISTRY = "nvcr.io"
_NGC_USER = "$oauthtoken"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One thing that a template reads, and where its spec says so."""

    path: str
    kinds: tuple[str, ...]
    name: str
    key: str | None = None
    """None: the whole of it."""
    is_users_own: bool = False


def wanted_of(template: ReplicaTemplate) -> Iterator[Wanted]:
    """All that a template reads."""
    for source, path in template.value_sources():
        is_map = source.kind is ValueKind.CONFIG_MAP
        kinds = (CONFIG_MAP,) if is_map else _CREDENTIALS
        own = source.kind is ValueKind.USER_CREDENTIAL
        yield Wanted(path, kinds, source.name, source.key, own)
    for index, secret in enumerate(template.container.pull_secrets):
        path = f"spec.imagePullSecrets[{index}].name"
        yield Wanted(path, _REGISTRIES, secret.name, None, secret.is_users_own)


def find_secrets(
    connection: Connection, template: ReplicaTemplate, unit: Unit, caller: Caller
) -> tuple[list[UsedAsset], list[FieldError]]:
    """The assets that a template of that project's reads, or what is wrong."""
    wanted = list(wanted_of(template))
    if not wanted:
        return [], []
    kinds = {kind for item in wanted for kind in item.kinds}
    rows = usable_assets(connection, kinds, unit, caller)
    used: dict[str, UsedAsset] = {}
    errors: list[FieldError] = []
    for item in wanted:
        row = _match(item, rows)
        problem = _problem(item, row)
        if problem is not None:
            errors.append(FieldError(item.path, problem))
        elif row is not None:
            used[row.id] = UsedAsset(row.id, row.update_count)
    return list(used.values()), errors


class SecretReader:
    """Fills in templates. Thread-safe."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal

    def filled(self, workload_id: str, template: ReplicaTemplate) -> ReplicaTemplate:
        """The template with all that it reads in it.

        Raises ReplicaRefused where something of it is not there any more, and ReplicaCannotStart
        where it cannot be opened.
        """
        if not any(wanted_of(template)):
            return template
        rows = self._rows(workload_id)
        return replace(
            template,
            environment=tuple(self._variable(item, rows) for item in template.environment),
            container=replace(
                template.container,
                pull_credentials=tuple(
                    self._registry(item, rows)
                    for item in wanted_of(template)
                    if item.kinds == _REGISTRIES
                ),
            ),
        )

    def _rows(self, workload_id: str) -> Sequence[Row[Any]]:
        query = (
            select(asset)
            .join(workload_asset, workload_asset.c.asset_id == asset.c.id)
            .where(workload_asset.c.workload_id == workload_id, asset.c.deleted_at.is_(None))
        )
        with self._database.read() as connection:
            return connection.execute(query).all()

    def _variable(
        self, variable: EnvironmentVariable, rows: Sequence[Row[Any]]
    ) -> EnvironmentVariable:
        source = variable.value_from
        if source is None:
            return variable
        is_map = source.kind is ValueKind.CONFIG_MAP
        kinds = (CONFIG_MAP,) if is_map else _CREDENTIALS
        wanted = Wanted(variable.name, kinds, source.name, source.key)
        values = self._values(wanted, rows)
        if source.key not in values:
            raise ReplicaRefused(
                f"environment variable {variable.name}: {source.name!r} has no key {source.key!r}"
            )
        # What stands in a secret is no reference to other variables.
        value = values[source.key].replace("$", "$$")
        return replace(variable, value=value, value_from=None, is_secret=not is_map)

    def _registry(self, wanted: Wanted, rows: Sequence[Row[Any]]) -> RegistryCredential:
        values = self._values(wanted, rows)
        if "ngc_api_key" in values:
            return RegistryCredential(_NGC_REGISTRY, _NGC_USER, values["ngc_api_key"])
        return RegistryCredential(values["url"], values["user"], values["password"])

    def _values(self, wanted: Wanted, rows: Sequence[Row[Any]]) -> Mapping[str, str]:
        row = _match(wanted, rows)
        if row is None or not _has_values(row):
            raise ReplicaRefused(f"{wanted.name!r} is not there any more")
        if row.kind == CONFIG_MAP:
            data: Mapping[str, str] = row.spec["data"]
            return data
        try:
            secrets = json.loads(self._seal.open(row.sealed_secrets))
        except Unsealable as error:
            raise ReplicaCannotStart(str(error)) from None
        return values_of(row.kind, row.spec, secrets)


def _match(wanted: Wanted, rows: Sequence[Row[Any]]) -> Row[Any] | None:
    """By its id, by what it is called in specs, or by its name; generic secrets before others."""
    fitting = [
        row for row in rows if row.kind in wanted.kinds and (row.private or not wanted.is_users_own)
    ]
    fitting.sort(key=lambda row: (row.kind != "genericSecret", row.kind))
    for names in ([row.id for row in fitting], [_called(row) for row in fitting]):
        if wanted.name in names:
            return fitting[names.index(wanted.name)]
    return next((row for row in fitting if row.name == wanted.name), None)


def _called(row: Row[Any]) -> str | None:
    """What specs of workloads call a configuration map."""
    return row.spec.get("configMap") if row.kind == CONFIG_MAP else None


def _problem(wanted: Wanted, row: Row[Any] | None) -> str | None:
    is_map = CONFIG_MAP in wanted.kinds
    words = "configuration map" if is_map else "credential"
    if row is None:
        own = " of your own" if wanted.is_users_own else ""
        return f"there is no {words} {wanted.name!r}{own} that can be used in this project"
    if not _has_values(row):
        return f"the {words} {row.name!r} has its values in Kubernetes, which is not there"
    if wanted.key is not None and wanted.key not in _keys(row):
        return f"the {words} {row.name!r} has no key {wanted.key!r}"
    return None


def _has_values(row: Row[Any]) -> bool:
    return row.spec.get("data") is not None if row.kind == CONFIG_MAP else bool(row.sealed_secrets)


def _keys(row: Row[Any]) -> set[str]:
    if row.kind == CONFIG_MAP:
        return set(row.spec["data"])
    if pairs := row.spec.get("keyValuePairs"):
        return {pair["key"] for pair in pairs}
    return _FIELDS[row.kind]


_FIELDS = {
    "accessKey": {"accessKeyId", "secretAccessKey"},
    "password": {"user", "password"},
    DOCKER_REGISTRY: {"url", "user", "password"},
    NGC_API_KEY: {"ngc_api_key"},
}
