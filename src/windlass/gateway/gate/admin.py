"""Requests in flight, as Envoy counts them."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_LIMIT_SECONDS = 5.0


class EnvoyUnreachable(Exception):
    """Envoy's administration interface does not answer."""


class EnvoyAdmin:
    """Envoy's administration interface on its Unix socket."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    async def in_flight(self, cluster_names: Iterable[str]) -> Mapping[str, Mapping[str, int]]:
        """For each cluster, the requests in flight by `host:port`.

        Raises EnvoyUnreachable.
        """
        wanted = set(cluster_names)
        body = await self._get("/clusters?format=json")
        return {
            status["name"]: _active_by_address(status)
            for status in json.loads(body).get("cluster_statuses", [])
            if status["name"] in wanted
        }

    async def _get(self, path: str) -> bytes:
        try:
            async with asyncio.timeout(_LIMIT_SECONDS):
                reader, writer = await asyncio.open_unix_connection(str(self._socket))
                try:
                    writer.write(
                        f"GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n".encode()
                    )
                    answer = await reader.read()
                finally:
                    writer.close()
        except (OSError, TimeoutError) as error:
            raise EnvoyUnreachable(str(error)) from error
        return _body(answer)


def _active_by_address(status: Mapping[str, Any]) -> dict[str, int]:
    return {_address(host): _gauge(host, "rq_active") for host in status.get("host_statuses", [])}


def _address(host: Mapping[str, Any]) -> str:
    address = host["address"]["socket_address"]
    return f"{address['address']}:{address['port_value']}"


def _gauge(host: Mapping[str, Any], name: str) -> int:
    values = (stat.get("value", 0) for stat in host.get("stats", []) if stat["name"] == name)
    return int(next(values, 0))


def _body(answer: bytes) -> bytes:
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise EnvoyUnreachable(head.split(b"\r\n", 1)[0].decode(errors="replace"))
    if b"transfer-encoding: chunked" not in head.lower():
        return body
    chunks = []
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        chunks.append(rest[:length])
        body = rest[length + 2 :]
    return b"".join(chunks)
