"""The operations on what workloads are made from."""

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote

from windlass.client.connection import Connection
from windlass.client.data_volumes import KIND as DATA_VOLUME
from windlass.client.data_volumes import PATH as DATA_VOLUMES
from windlass.client.data_volumes import DataVolumes

_CREDENTIALS = "/api/v1/asset/credentials"
_DATA_SOURCES = "/api/v1/asset/datasource"
ASSET_PATHS: Mapping[str, str] = {
    "compute": "/api/v1/asset/compute",
    "environment": "/api/v1/asset/environment",
    "workload-template": "/api/v1/asset/workload-template",
    "accessKey": f"{_CREDENTIALS}/access-key",
    "password": f"{_CREDENTIALS}/password",
    "dockerRegistry": f"{_CREDENTIALS}/docker-registry",
    "genericSecret": f"{_CREDENTIALS}/generic-secret",
    "ngcApiKey": f"{_CREDENTIALS}/ngc-api-key",
    "pvc": f"{_DATA_SOURCES}/pvc",
    "nfs": f"{_DATA_SOURCES}/nfs",
    "git": f"{_DATA_SOURCES}/git",
    "hostPath": f"{_DATA_SOURCES}/host-path",
    "s3": f"{_DATA_SOURCES}/s3",
    "config-map": f"{_DATA_SOURCES}/config-map",
    "secret-volume": f"{_DATA_SOURCES}/secrets",
    DATA_VOLUME: DATA_VOLUMES,
}
"""Where each kind of asset is reached."""
_DRY_RUN = {"dryRun": "true"}


class AssetOperations:
    """What there is to do with assets. Each method raises ApiError, BadAnswer or Unreachable."""

    _connection: Connection

    def assets(
        self,
        kind: str,
        *,
        name: str | None = None,
        scope: str | None = None,
        project_id: str | None = None,
        department_id: str | None = None,
        cluster_id: str | None = None,
    ) -> list[dict[str, Any]]:
        """Those of a kind that the caller may read; of a unit, those that can be used there.

        What data volumes are shared with is left out.
        """
        if kind == DATA_VOLUME:
            if scope not in (None, "project"):
                return []
            made_in, usable_in = (None, project_id) if scope is None else (project_id, None)
            return self._data_volumes.list(name, made_in, usable_in)
        asked = {
            "name": name,
            "scope": scope,
            "projectId": project_id,
            "departmentId": department_id,
            "clusterId": cluster_id,
        }
        given = {key: value for key, value in asked.items() if value is not None}
        answer = self._connection.request("GET", ASSET_PATHS[kind], parameters=given)
        return cast(list[dict[str, Any]], answer["entries"])

    def asset(self, kind: str, asset_id: str) -> dict[str, Any]:
        """One asset. Raises NotFound."""
        if kind == DATA_VOLUME:
            return self._data_volumes.get(asset_id)
        found = self._connection.request("GET", _place(kind, asset_id))
        return cast(dict[str, Any], found)

    def create_asset(self, kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """A new asset."""
        if kind == DATA_VOLUME:
            return self._data_volumes.create(body)
        made = self._connection.request("POST", ASSET_PATHS[kind], body=body)
        return cast(dict[str, Any], made)

    def preview_asset(self, kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """What `create_asset` would make, which is refused as that would be; nothing is made. With
        whom a data volume is shared is not looked at."""
        if kind == DATA_VOLUME:
            return self._data_volumes.preview(body)
        made = self._connection.request("POST", ASSET_PATHS[kind], parameters=_DRY_RUN, body=body)
        return cast(dict[str, Any], made)

    def preview_asset_update(
        self, kind: str, asset_id: str, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        """What `update_asset` would make of it; nothing is changed. Raises NotFound. With whom a
        data volume is shared is not looked at."""
        if kind == DATA_VOLUME:
            return self._data_volumes.preview_update(asset_id, body)
        place = _place(kind, asset_id)
        changed = self._connection.request("PUT", place, parameters=_DRY_RUN, body=body)
        return cast(dict[str, Any], changed)

    def update_asset(self, kind: str, asset_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Replace the name, the description and the spec of an asset. Raises NotFound."""
        if kind == DATA_VOLUME:
            return self._data_volumes.update(asset_id, body)
        changed = self._connection.request("PUT", _place(kind, asset_id), body=body)
        return cast(dict[str, Any], changed)

    def delete_asset(self, kind: str, asset_id: str) -> None:
        """Remove an asset. Raises NotFound."""
        self._connection.request("DELETE", _place(kind, asset_id))

    @property
    def _data_volumes(self) -> DataVolumes:
        return DataVolumes(self._connection)


def _place(kind: str, asset_id: str) -> str:
    return f"{ASSET_PATHS[kind]}/{quote(asset_id, safe='')}"
