"""Replicas are forgotten once nobody can be on the way to them. Envoy's counters are made up."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest

from windlass.gateway.gate.admin import EnvoyAdmin
from windlass.gateway.gate.drain import UNTRIED_SECONDS, Drain
from windlass.gateway.gate.hearing import Hearing
from windlass.gateway.gate.publisher import Publisher
from windlass.gateway.gate.store import Record
from windlass.gateway.gateway import Endpoint, Route
from windlass.kit.clock import ManualClock

ONE, TWO = (Endpoint(f"r-{number}", "127.0.0.1", 1000 + number) for number in (1, 2))


@dataclass
class StubEnvoy:
    """Envoy's administration, its workers, and what it was told, without an Envoy."""

    records: Sequence[Record]
    busy: dict[str, int] = field(default_factory=dict)
    """Requests in flight, by address."""
    retried: int = 0

    async def in_flight(self) -> Mapping[str, Mapping[str, int]]:
        return {"id": self.busy}

    async def retries(self) -> Mapping[str, int]:
        return {"id": self.retried}

    async def of_all_until(self, moment: float) -> None:
        """All listen."""

    def acknowledged_at(self, workload_id: str) -> float | None:
        return None if self.record(workload_id) is None else 0.0

    def record(self, workload_id: str) -> Record | None:
        return next((each for each in self.records if each.route.workload_id == workload_id), None)

    async def drained(self, record: Record, replica_ids: frozenset[str]) -> None:
        remaining = tuple(each for each in record.draining if each.replica_id not in replica_ids)
        gone = record.removed and not remaining
        self.records = [] if gone else [Record(record.route, remaining, record.removed)]


class Draining:
    """One workload whose replicas leave."""

    def __init__(self, *endpoints: Endpoint, removed: bool = False) -> None:
        route = Route("id", ("host",), "/team/w", endpoints)
        self.clock = ManualClock()
        self.envoy = StubEnvoy([Record(route, (ONE, TWO), removed)])
        self._drain = Drain(
            cast(Publisher, self.envoy),
            cast(EnvoyAdmin, self.envoy),
            cast(Hearing, self.envoy),
            lambda _: {},
            lambda _: 0,
            self.clock,
        )

    def sweep(self, seconds: float = 0.0) -> list[str]:
        """Who is left on the way out some seconds later."""
        self.clock.advance(seconds)
        asyncio.run(self._drain.sweep())
        return [each.replica_id for record in self.envoy.records for each in record.draining]

    def in_flight(self) -> Mapping[str, int]:
        return asyncio.run(self._drain.in_flight("id"))


def test_who_has_requests_stays() -> None:
    draining = Draining(Endpoint("r-3", "127.0.0.1", 1003))
    draining.envoy.busy = {"127.0.0.1_1001": 2}
    assert draining.sweep() == ["r-1"]
    assert draining.in_flight() == {"r-1": 2, "r-3": 0}
    draining.envoy.busy = {}
    assert draining.sweep() == []


def test_the_last_stays_listed_for_those_who_are_tried_again_and_no_longer() -> None:
    draining = Draining()
    assert draining.sweep() == ["r-2"]
    assert draining.in_flight() == {}, "it may be ended"
    assert draining.sweep(UNTRIED_SECONDS - 0.1) == ["r-2"]
    draining.envoy.retried += 1
    assert draining.sweep(0.1) == ["r-2"]
    assert draining.sweep(UNTRIED_SECONDS - 0.1) == ["r-2"]
    assert draining.sweep(0.1) == []


@pytest.mark.parametrize("removed", [True, False])
def test_where_nobody_is_tried_again_all_go_at_once(removed: bool) -> None:
    endpoints = () if removed else (Endpoint("r-3", "127.0.0.1", 1003),)
    assert Draining(*endpoints, removed=removed).sweep() == []
