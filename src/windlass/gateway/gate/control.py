"""What the control plane may ask of the gate."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from windlass.gateway.gate.demand import Demand
from windlass.gateway.gate.discovery import FILTER, Discovery, ResourceKey
from windlass.gateway.gate.drain import Drain
from windlass.gateway.gate.holds import Holds
from windlass.gateway.gate.publisher import Publisher
from windlass.gateway.gate.revocations import revocation_filter
from windlass.gateway.gate.server_certificate import ServerCertificate
from windlass.gateway.gate.store import Store
from windlass.gateway.gate.tokens import NO_TRUST, token_filter
from windlass.gateway.gate.traffic import Traffic
from windlass.gateway.gateway import StaleEpoch, TokenTrust
from windlass.gateway.names import REVOKED_FILTER, TOKEN_FILTER
from windlass.gateway.wire import (
    certificate_from_json,
    route_from_json,
    traffic_to_json,
    trust_from_json,
)

Json = Mapping[str, Any]


class Control:
    """The gate's methods, in words of JSON."""

    def __init__(
        self,
        discovery: Discovery,
        publisher: Publisher,
        holds: Holds,
        demand: Demand,
        lent: Callable[[], Mapping[str, int]],
        drain: Drain,
        traffic: Traffic,
        certificate: ServerCertificate,
        store: Store,
    ) -> None:
        self._discovery = discovery
        self._publisher = publisher
        self._holds = holds
        self._demand = demand
        self._lent = lent
        self._drain = drain
        self._traffic = traffic
        self._certificate = certificate
        self._store = store
        self._epoch = store.load_epoch()
        self._publish_trust(store.load_trust() or NO_TRUST)

    async def put(self, body: Json) -> Json:
        """`{route, epoch}`."""
        self._obey(body["epoch"])
        await self._publisher.put(route_from_json(body["route"]))
        return {}

    async def introduce(self, body: Json) -> Json:
        """`{route}`."""
        await self._publisher.introduce(route_from_json(body["route"]))
        return {}

    async def remove(self, body: Json) -> Json:
        """`{workload_id, epoch}`."""
        self._obey(body["epoch"])
        await self._publisher.remove(body["workload_id"])
        return {}

    async def replace_all(self, body: Json) -> Json:
        """`{routes, trust, epoch, certificate}`; answers `{address_in_use}`, a list of workload
        ids."""
        self._obey(body["epoch"])
        given = body["certificate"]
        await self._certificate.give(None if given is None else certificate_from_json(given))
        filter_keys = self._trust(trust_from_json(body["trust"]))
        routes = [route_from_json(each) for each in body["routes"]]
        refused = await self._publisher.replace_all(routes)
        await self._discovery.wait_until_acknowledged(filter_keys)
        return {"address_in_use": refused}

    async def trust(self, body: Json) -> Json:
        """`{trust, epoch}`."""
        self._obey(body["epoch"])
        filter_keys = self._trust(trust_from_json(body["trust"]))
        await self._discovery.wait_until_acknowledged(filter_keys)
        return {}

    async def certify(self, body: Json) -> Json:
        """`{certificate, epoch}`."""
        self._obey(body["epoch"])
        await self._certificate.give(certificate_from_json(body["certificate"]))
        return {}

    async def in_flight(self, body: Json) -> Json:
        """`{workload_id}`; answers a count for each replica id."""
        return await self._drain.in_flight(body["workload_id"])

    async def traffic(self, body: Json) -> Json:  # noqa: ARG002
        """Answers the counters of each workload."""
        counters = await self._traffic.counters()
        return {key: traffic_to_json(each) for key, each in counters.items()}

    async def status(self, body: Json) -> Json:  # noqa: ARG002
        """How the gate fares, for metrics and for people."""
        records = self._publisher.records
        return {
            "pid": os.getpid(),
            "epoch": self._epoch,
            "envoy_connected": self._discovery.is_connected,
            "workloads": sum(not record.removed for record in records),
            "draining": sum(bool(record.draining) for record in records),
            "held": self._demand.all_held(),
            "lent": self._lent(),
            "held_answered": dict(self._holds.answered),
            "rejections": self._discovery.rejections,
            "last_rejection": self._discovery.last_rejection,
            "certificate": self._certificate.shown,
        }

    def _obey(self, epoch: int) -> None:
        if epoch < self._epoch:
            raise StaleEpoch(f"Epoch {epoch} is older than {self._epoch}.")
        if epoch > self._epoch:
            self._store.save_epoch(epoch)
            self._epoch = epoch

    def _trust(self, trust: TokenTrust) -> list[ResourceKey]:
        if trust != self._store.load_trust():
            self._store.save_trust(trust)
        return self._publish_trust(trust)

    def _publish_trust(self, trust: TokenTrust) -> list[ResourceKey]:
        return [
            self._discovery.publish(FILTER, TOKEN_FILTER, token_filter(trust)),
            self._discovery.publish(FILTER, REVOKED_FILTER, revocation_filter(trust)),
        ]


def methods(control: Control) -> Mapping[str, Callable[[Json], Any]]:
    """What may be called, by name."""
    return {
        "Put": control.put,
        "Introduce": control.introduce,
        "Remove": control.remove,
        "Trust": control.trust,
        "Certify": control.certify,
        "ReplaceAll": control.replace_all,
        "InFlight": control.in_flight,
        "Traffic": control.traffic,
        "Status": control.status,
    }
