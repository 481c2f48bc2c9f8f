"""Has the traffic decide how many replicas of each workload there are.

Once a second the gateway is asked what it counted, every two seconds each workload's autoscaler
decides, and what it decides is written to the record, from which reconciling takes it. The first
request for a workload of which no replica runs is told by the gateway at once.

Nothing here is lost with the process: an autoscaler that begins without history takes no replica
away before it has seen enough.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection, Row, Select, bindparam, select, update

from windlass.autoscaling import TICK_S
from windlass.control.changes import record_change
from windlass.control.lease import require_epoch
from windlass.gateway.gateway import GatewayUnavailable, StaleEpoch
from windlass.gateway.measurement import Measurement, TrafficMeter
from windlass.kit.errors import Unavailable
from windlass.telemetry.scraping import NotTold, scrape
from windlass.workloads import store
from windlass.workloads.phases import DesiredPhase
from windlass.workloads.records import NewEvent
from windlass.workloads.scalers import MetricScaler, RequestScaler, Standing, Wanted
from windlass.workloads.scaling import AutoscalerTimes, Measure, Scaling
from windlass.workloads.surroundings import WORKLOAD, Surroundings
from windlass.workloads.tables import pod, workload

_SCRAPED_AT_ONCE = 16
# Built once: that takes longer than to run them.
_AUTOSCALED: Select[Any] = select(
    workload.c.id,
    workload.c.type,
    workload.c.revision_id,
    workload.c.wanted_replicas,
    workload.c.running_pods,
    workload.c.first_running_at,
).where(
    workload.c.is_autoscaled.is_(True),
    workload.c.deleted_at.is_(None),
    workload.c.desired_phase == DesiredPhase.RUNNING.value,
    workload.c.failure_reason.is_(None),
)
_ONE_AUTOSCALED = _AUTOSCALED.where(workload.c.id == bindparam("workload_id"))
_SCALE = update(workload).where(
    workload.c.id == bindparam("scaled"),
    workload.c.revision_id == bindparam("of_revision"),
    workload.c.wanted_replicas == bindparam("before"),
    workload.c.desired_phase == DesiredPhase.RUNNING.value,
)

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Scaled:
    """One revision under autoscaling."""

    revision_id: str
    scaling: Scaling
    scaler: RequestScaler | MetricScaler
    decided_at: float
    meter: TrafficMeter = field(default_factory=TrafficMeter)


@dataclass(frozen=True, slots=True)
class _Change:
    """A number of replicas to write, if the record is still as it was decided by."""

    workload_id: str
    revision_id: str
    before: int
    wanted: Wanted


class WorkloadAutoscaler:
    """Every workload whose number of replicas may move. Threads may share it."""

    def __init__(self, around: Surroundings, times: AutoscalerTimes) -> None:
        self._around = around
        self._times = times
        self._lock = threading.Lock()
        self._scaled: dict[str, _Scaled] = {}
        self._scraping = ThreadPoolExecutor(_SCRAPED_AT_ONCE, thread_name_prefix="scrape")

    def run(self, stop: threading.Event) -> None:
        """Observe and decide by the clock, and watch for requests, in threads until `stop`."""
        for name, serve in (
            ("autoscale", self._run_by_the_second),
            ("autoscale-metrics", self._run_metrics),
            ("autoscale-wake", self.watch),
        ):
            threading.Thread(target=serve, args=(stop,), name=name, daemon=True).start()

    def _run_by_the_second(self, stop: threading.Event) -> None:
        """Just after each second begins, so that every one has its reading."""
        decided = self._around.clock.monotonic() // TICK_S
        while not stop.wait(1.0 - self._around.clock.monotonic() % 1.0):
            _safely(self.observe)
            # By what has passed: a reading may take so long that every second one is never seen.
            tick = self._around.clock.monotonic() // TICK_S
            if tick != decided:
                decided = tick
                _safely(self.decide)

    def _run_metrics(self, stop: threading.Event) -> None:
        while not stop.wait(1.0):
            _safely(self.decide_by_metrics)

    def observe(self) -> None:
        """Take what the gateway counted. Due every second; raises GatewayUnavailable."""
        traffic = self._around.gateway.traffic()
        at = self._around.clock.monotonic()
        with self._lock:
            for workload_id, scaled in self._scaled.items():
                counters = traffic.get(workload_id)
                measured = None if counters is None else scaled.meter.measure(counters)
                if measured is not None:
                    _observe(scaled.scaler, measured, at)

    def decide(self) -> None:
        """Decide about every workload by its requests. Due every two seconds."""
        rows = self._rows()
        at = self._around.clock.monotonic()
        with self._lock:
            self._forget_all_but({row.id for row in rows})
            changes = [
                change
                for row in rows
                if isinstance(scaler := self._find(row, at).scaler, RequestScaler)
                and (change := _change(row, scaler.decide(_standing(row), at)))
            ]
        self._commit(changes)

    def decide_by_metrics(self) -> None:
        """Decide about workloads that scale by latency or by metrics of their own.

        Due often: each workload's turn comes after its period.
        """
        due = self._due_metrics()
        asked = self._ask_replicas(due)
        changes = []
        for row, scaled in due:
            values = self._values(row, scaled, asked.get(row.id, []))
            at = self._around.clock.monotonic()
            with self._lock:
                assert isinstance(scaled.scaler, MetricScaler)
                change = _change(row, scaled.scaler.decide(values, _standing(row), at))
            if change is not None:
                changes.append(change)
        self._commit(changes)

    def wake(self, workload_id: str) -> None:
        """Decide at once: a request came for which there is no replica."""
        rows = self._rows(workload_id)
        at = self._around.clock.monotonic()
        changes = []
        with self._lock:
            for row in rows:
                scaler = self._find(row, at).scaler
                if isinstance(scaler, RequestScaler) and not row.wanted_replicas:
                    scaler.request_came(at)
                    change = _change(row, scaler.decide(_standing(row), at))
                    changes += [change] if change else []
        self._commit(changes)

    def watch(self, stop: threading.Event, retry_seconds: float = 0.2) -> None:
        """Wake workloads as requests come for them, until `stop`."""
        while not stop.is_set():
            try:
                for workload_id in self._around.gateway.watch_held():
                    _safely(partial(self.wake, workload_id))
                    if stop.is_set():
                        return
            except GatewayUnavailable as error:
                _log.debug("held requests cannot be watched", reason=str(error))
                stop.wait(retry_seconds)

    def _rows(self, workload_id: str | None = None) -> Sequence[Row[Any]]:
        with self._around.database.read() as connection:
            if workload_id is None:
                rows = connection.execute(_AUTOSCALED).all()
            else:
                rows = connection.execute(_ONE_AUTOSCALED, {"workload_id": workload_id}).all()
            self._load_new(connection, rows)
        return rows

    def _load_new(self, connection: Connection, rows: Iterable[Row[Any]]) -> None:
        """Read the specs of revisions that were not seen before: most are known."""
        for row in rows:
            if not self._is_known(row):
                query = select(workload.c.spec).where(
                    workload.c.id == row.id, workload.c.revision_id == row.revision_id
                )
                spec = connection.execute(query).scalar_one_or_none()
                if spec is not None:
                    self._around.kinds.desired(row.type, row.revision_id, spec)

    def _is_known(self, row: Row[Any]) -> bool:
        scaled = self._scaled.get(row.id)
        return scaled is not None and scaled.revision_id == row.revision_id

    def _find(self, row: Row[Any], at: float) -> _Scaled:
        scaled = self._scaled.get(row.id)
        if scaled is None or scaled.revision_id != row.revision_id:
            scaling = self._around.kinds.known(row.revision_id).scaling
            make = RequestScaler if scaling.measure is Measure.REQUESTS else MetricScaler
            scaler = make(scaling, self._times, _standing(row), at)
            scaled = self._scaled[row.id] = _Scaled(row.revision_id, scaling, scaler, at)
        return scaled

    def _forget_all_but(self, workload_ids: set[str]) -> None:
        for workload_id in self._scaled.keys() - workload_ids:
            del self._scaled[workload_id]

    def _due_metrics(self) -> list[tuple[Row[Any], _Scaled]]:
        at = self._around.clock.monotonic()
        with self._lock:
            if not any(self._is_due(scaled, at) for scaled in self._scaled.values()):
                # As nearly every second; and to read every record is dear. `decide` finds what is
                # new.
                return []
        rows = self._rows()
        due = []
        with self._lock:
            for row in rows:
                scaled = self._find(row, at)
                if self._is_due(scaled, at):
                    scaled.decided_at = at
                    due.append((row, scaled))
        return due

    def _is_due(self, scaled: _Scaled, at: float) -> bool:
        by_metric = isinstance(scaled.scaler, MetricScaler)
        return by_metric and at - scaled.decided_at >= self._times.metric_period_seconds

    def _addresses(self, rows: Sequence[Row[Any]]) -> Mapping[str, list[Row[Any]]]:
        """The ready pods of each workload, without those that are on their way out."""
        query: Select[Any] = select(pod.c.id, pod.c.workload_id, pod.c.host, pod.c.port).where(
            pod.c.workload_id.in_([row.id for row in rows]),
            pod.c.exited_at.is_(None),
            pod.c.ready.is_(True),
            pod.c.stop_requested_at.is_(None),
        )
        found: dict[str, list[Row[Any]]] = {}
        if rows:
            with self._around.database.read() as connection:
                for item in connection.execute(query):
                    found.setdefault(item.workload_id, []).append(item)
        return found

    def _ask_replicas(
        self, due: Sequence[tuple[Row[Any], _Scaled]]
    ) -> Mapping[str, list[float | None]]:
        """What ready replicas tell, by workload: all at once, for some may take their time."""
        asked = {row.id: scaled.scaling for row, scaled in due if scaled.scaling.source is not None}
        rows = self._addresses([row for row, _ in due if row.id in asked])
        ready = [(key, item) for key, several in rows.items() for item in several]
        told = self._scraping.map(lambda each: self._scraped(asked[each[0]], each[1]), ready)
        values: dict[str, list[float | None]] = {}
        for (workload_id, _), value in zip(ready, told, strict=True):
            values.setdefault(workload_id, []).append(value)
        return values

    def _values(
        self, row: Row[Any], scaled: _Scaled, asked: Sequence[float | None]
    ) -> Sequence[float | None]:
        """The metric of each ready replica."""
        assert isinstance(scaled.scaler, MetricScaler)
        if scaled.scaler.by_latency:
            with self._lock:
                latency = scaled.scaler.take_latency()
            return [latency] * row.running_pods
        return asked

    def _scraped(self, scaling: Scaling, item: Row[Any]) -> float | None:
        source, metric = scaling.source, scaling.metric
        if source is None or metric is None:
            return None
        port = item.port
        if source.port is not None:
            seen = self._around.engine.observe_one(item.id)
            port = seen.additional_ports.get(source.port) if seen else None
        if item.host is None or port is None:
            return None
        try:
            return scrape(f"http://{item.host}:{port}{source.path}", metric)
        except NotTold as reason:
            _log.info("a replica does not tell its metric", pod=item.id, reason=str(reason))
            return None

    def _commit(self, changes: Sequence[_Change]) -> None:
        if not changes:
            return
        told_at = self._around.wall_clock.now()
        if any(change.wanted.replicas > change.before for change in changes):
            self._around.engine.expect_start()

        def save(connection: Connection) -> list[str]:
            require_epoch(connection, self._around.tenure.lease_name, self._around.tenure.epoch)
            return [change.workload_id for change in changes if _save(connection, change, told_at)]

        for workload_id in self._around.database.write(save):
            self._around.wake(WORKLOAD, workload_id)


def _safely(task: Callable[[], object]) -> None:
    try:
        task()
    except (GatewayUnavailable, Unavailable, StaleEpoch) as error:
        _log.warning(
            "autoscaling is put off", task=getattr(task, "__name__", "wake"), reason=str(error)
        )
    except Exception:
        # What one second brings must not end all that follow.
        _log.exception("autoscaling failed", task=getattr(task, "__name__", "wake"))


def _observe(scaler: RequestScaler | MetricScaler, measured: Measurement, at: float) -> None:
    if isinstance(scaler, RequestScaler):
        scaler.observe(measured, at)
    else:
        scaler.observe(measured)


def _standing(row: Row[Any]) -> Standing:
    return Standing(row.running_pods, row.wanted_replicas, row.first_running_at is not None)


def _change(row: Row[Any], wanted: Wanted) -> _Change | None:
    if wanted.replicas == row.wanted_replicas:
        return None
    return _Change(row.id, row.revision_id, row.wanted_replicas, wanted)


def _save(connection: Connection, change: _Change, told_at: float) -> bool:
    """Whether the change took place: the record was still as it was decided by."""
    changed = connection.execute(
        _SCALE,
        {
            "scaled": change.workload_id,
            "of_revision": change.revision_id,
            "before": change.before,
            "wanted_replicas": change.wanted.replicas,
            "updated_at": told_at,
        },
    ).rowcount
    if not changed:
        return False
    message = f"Replicas {change.before} → {change.wanted.replicas}: {change.wanted.because}."
    store.add_events(connection, change.workload_id, [NewEvent("Scaled", message)], told_at)
    record_change(connection, WORKLOAD, change.workload_id)
    return True
