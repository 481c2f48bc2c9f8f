"""Every workload's traffic: what Envoy counts of requests sent, and the gate of those that wait."""

from collections.abc import Iterator, Mapping

from windlass.gateway.gate.admin import EnvoyAdmin
from windlass.gateway.gate.demand import Demand
from windlass.gateway.gate.publisher import Publisher
from windlass.gateway.gate.statistics import ClusterStatistics, together
from windlass.gateway.gate.store import Record
from windlass.gateway.gate.ways import counted_clusters
from windlass.gateway.gateway import Endpoint, ReplicaCounters, Route, TrafficCounters
from windlass.kit.clock import Clock


class Traffic:
    """Reads what is counted."""

    def __init__(
        self, publisher: Publisher, admin: EnvoyAdmin, demand: Demand, clock: Clock
    ) -> None:
        self._publisher = publisher
        self._admin = admin
        self._demand = demand
        self._clock = clock

    async def counters(self) -> Mapping[str, TrafficCounters]:
        """The counters of every workload that is not removed. Raises EnvoyUnreachable."""
        statistics = await self._admin.statistics()
        at = self._clock.monotonic()
        records = [each for each in self._publisher.records if not each.removed]
        self._demand.forget_all_but({record.route.workload_id for record in records})
        return {
            record.route.workload_id: self._counters(
                record, together(_of_route(record.route, statistics)), at
            )
            for record in records
        }

    def _counters(
        self, record: Record, statistics: ClusterStatistics, at: float
    ) -> TrafficCounters:
        waiting = self._demand.totals(record.route.workload_id)
        endpoints = (*record.route.endpoints, *record.draining)
        return TrafficCounters(
            at=at,
            started=statistics.started,
            answered=statistics.answered,
            answered_seconds=statistics.answered_seconds,
            outlasting=statistics.outlasting,
            in_flight=statistics.in_flight,
            held=waiting.held,
            held_seconds=waiting.held_seconds,
            asked=waiting.asked,
            released=waiting.released,
            replicas={
                endpoint.replica_id: ReplicaCounters(
                    _over_ports(endpoint, statistics.endpoints_started),
                    _over_ports(endpoint, statistics.endpoints_in_flight),
                )
                for endpoint in endpoints
            },
        )


def _of_route(
    route: Route, statistics: Mapping[str, ClusterStatistics]
) -> Iterator[ClusterStatistics]:
    """Those of each cluster that requests go to."""
    for name in counted_clusters(route):
        if name in statistics:
            yield statistics[name]


def _over_ports(endpoint: Endpoint, by_address: Mapping[str, int]) -> int:
    return sum(by_address.get(str(address), 0) for address in endpoint.addresses)
