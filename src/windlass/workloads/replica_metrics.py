"""Asks replicas for the metrics that they tell of themselves."""

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Row, Select, select

from windlass.engines.engine import Engine
from windlass.kit.database import Database
from windlass.telemetry.scraping import NotTold, scrape
from windlass.workloads.scaling import Scaling
from windlass.workloads.tables import pod

_ASKED_AT_ONCE = 16

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Told:
    """What one replica tells."""

    value: float | None
    """Finite; None where it tells none."""
    untold_because: str = ""


class ReplicaMetrics:
    """Reads metrics of ready replicas."""

    def __init__(self, database: Database, engine: Engine) -> None:
        self._database = database
        self._engine = engine
        self._asking = ThreadPoolExecutor(_ASKED_AT_ONCE, thread_name_prefix="scrape")

    def ask(self, scalings: Mapping[str, Scaling]) -> Mapping[str, list[Told]]:
        """What the ready replicas of each workload tell of its metric, by workload id; those
        without a ready replica are left out.

        All are asked at once, for some may take their time.
        """
        ready = self._ready(scalings)
        answers = self._asking.map(lambda row: self._told(scalings[row.workload_id], row), ready)
        told: dict[str, list[Told]] = {}
        for row, answer in zip(ready, answers, strict=True):
            told.setdefault(row.workload_id, []).append(answer)
        return told

    def _ready(self, scalings: Mapping[str, Scaling]) -> list[Row[Any]]:
        """Ready pods, without those that are on their way out."""
        if not scalings:
            return []
        query: Select[Any] = select(pod.c.id, pod.c.workload_id, pod.c.host, pod.c.port).where(
            pod.c.workload_id.in_(list(scalings)),
            pod.c.exited_at.is_(None),
            pod.c.ready.is_(True),
            pod.c.stop_requested_at.is_(None),
        )
        with self._database.read() as connection:
            return list(connection.execute(query))

    def _told(self, scaling: Scaling, row: Row[Any]) -> Told:
        try:
            return Told(self._asked(scaling, row))
        except NotTold as reason:
            _log.info("a replica does not tell its metric", pod=row.id, reason=str(reason))
            return Told(None, str(reason))

    def _asked(self, scaling: Scaling, row: Row[Any]) -> float:
        source, metric = scaling.source, scaling.metric
        assert source is not None
        assert metric is not None
        port = row.port
        if source.port is not None:
            seen = self._engine.observe_one(row.id)
            port = seen.additional_ports.get(source.port) if seen else None
        if row.host is None or port is None:
            raise NotTold("its address is not known")
        url = f"http://{row.host}:{port}{source.path}"
        value = scrape(url, metric)
        if not math.isfinite(value):
            raise NotTold(f"{url} tells {value} for {metric}")
        return value
