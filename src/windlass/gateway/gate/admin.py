"""Envoy's administration interface."""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from windlass.gateway.gate.statistics import (
    GAUGES,
    NOT_LEFT,
    PASSING,
    RETRIES,
    WANTED,
    ClusterStatistics,
    Passing,
    read_in_flight,
    read_not_left,
    read_passing,
    read_retries,
    read_statistics,
)

_LIMIT_SECONDS = 5.0
_IN_FLIGHT = f"/stats?type=Gauges&filter={quote(GAUGES)}"
_PASSING = f"/stats?filter={quote(PASSING)}"
_NOT_LEFT = f"/stats?type=Counters&filter={quote(NOT_LEFT)}"
_RETRIES = f"/stats?type=Counters&filter={quote(RETRIES)}"
_STATISTICS = f"/stats?format=prometheus&usedonly&filter={quote(WANTED)}"


class EnvoyUnreachable(Exception):
    """Envoy's administration interface does not answer."""


class EnvoyAdmin:
    """Envoy's administration interface on its Unix socket. Each method raises EnvoyUnreachable."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._next_in_flight: asyncio.Task[Mapping[str, Mapping[str, int]]] | None = None
        self._reading = asyncio.Lock()

    async def in_flight(self) -> Mapping[str, Mapping[str, int]]:
        """For each cluster, the requests in flight by address, with `_` for every `:`.

        Nothing of it was read before the call. Who asks while another's answer is being read
        shares the next.
        """
        if self._next_in_flight is None:
            self._next_in_flight = asyncio.create_task(self._read_in_flight())
        return await asyncio.shield(self._next_in_flight)

    async def statistics(self) -> Mapping[str, ClusterStatistics]:
        """Everything that is counted of clusters."""
        return read_statistics(await self._get(_STATISTICS))

    async def passing(self) -> Mapping[str, Passing]:
        """For each cluster that leads to an inner listener, what passes it."""
        return read_passing(await self._get(_PASSING))

    async def retries(self) -> Mapping[str, int]:
        """For each cluster, how often a request was to be tried again there."""
        return read_retries(await self._get(_RETRIES))

    async def words_not_left(self) -> int:
        """How often Envoy did not tell its workers to hand in what they count, though it was asked
        for statistics, since not all had heard of the time before."""
        return read_not_left(await self._get(_NOT_LEFT))

    async def _read_in_flight(self) -> Mapping[str, Mapping[str, int]]:
        async with self._reading:
            self._next_in_flight = None
            return read_in_flight(await self._get(_IN_FLIGHT))

    async def _get(self, path: str) -> str:
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
        return _body(answer).decode()


def _body(answer: bytes) -> bytes:
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise EnvoyUnreachable(head.split(b"\r\n", 1)[0].decode(errors="replace"))
    if b"transfer-encoding: chunked" not in head.lower():
        return body
    return b"".join(_chunks(body))


def _chunks(body: bytes) -> Iterator[bytes]:
    start = 0
    while (end_of_size := body.find(b"\r\n", start)) > start:
        size = int(body[start:end_of_size], 16)
        start = end_of_size + 2
        yield body[start : start + size]
        start += size + 2
