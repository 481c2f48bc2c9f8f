"""What workloads are doing right now, for those who watch.

The gateway's counters are read while somebody asks, at most about once a second however many do.
"""

import threading
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from windlass.gateway.gateway import Gateway, GatewayUnavailable
from windlass.gateway.measurement import Measurement, TrafficMeter
from windlass.kit.clock import Clock
from windlass.workloads.kind import DesiredWorkload

_READING_SECONDS = 0.9
"""Who asks once a second gets a new reading each time, be they one or many."""
_PATIENCE_SECONDS = 0.1
"""A reading hardly ever takes longer."""
_RECENT_SECONDS = 3.0
"""What is older is not known to be so right now."""
_FORGOTTEN_AFTER_SECONDS = 10.0
"""Rates over longer would not be of right now."""


class LiveTraffic:
    """The latest measurement of every workload. Threads may share it."""

    def __init__(self, gateway: Gateway, clock: Clock) -> None:
        self._gateway = gateway
        self._clock = clock
        self._lock = threading.Lock()
        self._read_at: float | None = None
        self._meters: dict[str, TrafficMeter] = {}
        self._measured: dict[str, Measurement] = {}

    def measurements(self) -> Mapping[str, Measurement]:
        """By workload id; without those whose counters were read for the first time just now.

        Empty when the gateway does not answer. One asks it at a time; who comes meanwhile gets what
        was measured last, for a gateway that is silent must not take up everybody who answers
        requests to the API.
        """
        if not self._lock.acquire(timeout=_PATIENCE_SECONDS):
            since = self._seconds_since_reading()
            return self._measured if since is not None and since < _RECENT_SECONDS else {}
        try:
            since = self._seconds_since_reading()
            if since is None or since >= _READING_SECONDS:
                if since is None or since > _FORGOTTEN_AFTER_SECONDS:
                    self._meters, self._measured = {}, {}
                self._read()
            return self._measured
        finally:
            self._lock.release()

    def _seconds_since_reading(self) -> float | None:
        return None if self._read_at is None else self._clock.monotonic() - self._read_at

    def _read(self) -> None:
        try:
            traffic = self._gateway.traffic()
        except GatewayUnavailable:
            traffic = {}
        self._read_at = self._clock.monotonic()
        self._meters = {key: self._meters.get(key) or TrafficMeter() for key in traffic}
        measured = {key: self._meters[key].measure(each) for key, each in traffic.items()}
        self._measured = {key: each for key, each in measured.items() if each is not None}


def live_view(
    row: Row[Any], desired: DesiredWorkload, measured: Measurement | None
) -> dict[str, Any]:
    """One workload now. Rates are null until they have been measured."""
    return {
        "id": row.id,
        "name": row.name,
        "projectId": str(row.project_id),
        "projectName": row.project_name,
        "phase": row.phase,
        "phaseMessage": row.phase_message,
        "replicas": {
            "ready": row.running_pods,
            "wanted": row.wanted_replicas,
            "min": desired.scaling.minimum,
            "max": desired.scaling.maximum,
        },
        "requestsPerSecond": None if measured is None else round(measured.requests_per_second, 3),
        "latencyMilliseconds": _rounded(None if measured is None else measured.latency_ms),
        "concurrency": None if measured is None else round(measured.concurrency, 3),
        "inFlight": None if measured is None else measured.in_flight,
        "held": None if measured is None else measured.held,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
