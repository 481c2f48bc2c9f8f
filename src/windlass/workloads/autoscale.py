"""Has the traffic decide how many replicas of each workload there are.

Once a second the gateway is asked what it counted, every two seconds each workload's autoscaler
decides, and what it decides is written to the record, from which reconciling takes it. The first
request for a workload of which no replica runs is told by the gateway at once.

Nothing here is lost with the process: an autoscaler that begins without history takes no replica
away before it has seen enough.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection, Row, Select, select

from windlass.autoscaling import TICK_S
from windlass.control.lease import require_epoch
from windlass.gateway.gateway import GatewayUnavailable, StaleEpoch
from windlass.gateway.measurement import Measurement, TrafficMeter
from windlass.kit.errors import Unavailable
from windlass.workloads import store
from windlass.workloads.phases import DesiredPhase
from windlass.workloads.records import NewEvent, WorkloadRecord, WorkloadState
from windlass.workloads.replica_metrics import ReplicaMetrics, Told
from windlass.workloads.scale_changes import ScaleChange, save_scale
from windlass.workloads.scalers import MetricScaler, RequestScaler, Standing, Wanted
from windlass.workloads.scaling import AutoscalerTimes, Measure, Scaling
from windlass.workloads.surroundings import WORKLOAD, Surroundings
from windlass.workloads.tables import workload

# Built once: that takes longer than to run them.
_AUTOSCALED: Select[Any] = select(
    workload.c.id,
    workload.c.type,
    workload.c.revision_id,
    workload.c.wanted_replicas.label("replicas"),
    workload.c.running_pods,
    workload.c.first_running_at,
).where(
    workload.c.is_autoscaled.is_(True),
    workload.c.deleted_at.is_(None),
    workload.c.desired_phase == DesiredPhase.RUNNING.value,
    workload.c.failure_reason.is_(None),
)

AT_ONCE_SECONDS = 0.001
"""Ample to hear of what has been told already."""
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Scaled:
    """One revision under autoscaling."""

    revision_id: str
    scaling: Scaling
    scaler: RequestScaler | MetricScaler
    decided_at: float
    meter: TrafficMeter = field(default_factory=TrafficMeter)
    is_untold: bool = False
    """Its replicas do not tell their metric, as its events say."""


_Autoscaled = Row[Any] | WorkloadRecord
"""Of one workload, what an autoscaler goes by."""

_News = tuple[str, NewEvent]
"""Something to tell of a workload."""


class WorkloadAutoscaler:
    """Every workload whose number of replicas may move. Threads may share it."""

    def __init__(
        self,
        around: Surroundings,
        times: AutoscalerTimes,
        awaken: Callable[[ScaleChange, WorkloadState], bool],
    ) -> None:
        """`awaken` is asked first to carry out a change from zero that a request waits for; what it
        does not is put on record here."""
        self._around = around
        self._awaken = awaken
        self._times = times
        self._lock = threading.Lock()
        self._scaled: dict[str, _Scaled] = {}
        self._replicas = ReplicaMetrics(around.database, around.engine)

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
        changes, news = [], []
        for row, scaled in due:
            told = asked.get(row.id, [])
            news += _news(row, scaled, told)
            values = self._values(row, scaled, told)
            at = self._around.clock.monotonic()
            with self._lock:
                assert isinstance(scaled.scaler, MetricScaler)
                change = _change(row, scaled.scaler.decide(values, _standing(row), at))
            if change is not None:
                changes.append(change)
        self._commit(changes, news)

    def wake(self, workload_id: str, *, alone: bool = True) -> None:
        """Decide at once: a request came for which there is no replica. One of many is not given
        its place by itself, since each place takes a look at everything."""
        with self._around.database.read() as connection:
            state = store.load_state(connection, workload_id)
        change = None if state is None else self._request_came(state.record)
        if state is None or change is None:
            return
        self._around.engine.expect_start()
        if not alone or not self._awaken(change, state):
            self._commit([change])

    def _request_came(self, record: WorkloadRecord) -> ScaleChange | None:
        if not record.is_autoscaled or not _is_asleep(record):
            return None
        self._around.kinds.desired(record.type, record.revision_id, record.spec)
        at = self._around.clock.monotonic()
        with self._lock:
            scaler = self._find(record, at).scaler
            if not isinstance(scaler, RequestScaler):
                return None
            scaler.request_came(at)
            return _change(record, scaler.decide(_standing(record), at))

    def watch(self, stop: threading.Event, retry_seconds: float = 0.2) -> None:
        """Wake workloads as requests come for them, until `stop`."""
        clock, done_at = self._around.clock, float("-inf")
        while not stop.is_set():
            try:
                for workload_id in self._around.gateway.watch_held():
                    # This one was there before the last was done.
                    waited = clock.monotonic() - done_at < AT_ONCE_SECONDS
                    _safely(partial(self.wake, workload_id, alone=not waited))
                    done_at = clock.monotonic()
                    if stop.is_set():
                        return
            except GatewayUnavailable as error:
                _log.debug("held requests cannot be watched", reason=str(error))
                stop.wait(retry_seconds)

    def _rows(self) -> Sequence[Row[Any]]:
        with self._around.database.read() as connection:
            rows = connection.execute(_AUTOSCALED).all()
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

    def _find(self, row: _Autoscaled, at: float) -> _Scaled:
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

    def _ask_replicas(
        self, due: Sequence[tuple[Row[Any], _Scaled]]
    ) -> Mapping[str, Sequence[Told]]:
        return self._replicas.ask(
            {row.id: scaled.scaling for row, scaled in due if scaled.scaling.source is not None}
        )

    def _values(
        self, row: Row[Any], scaled: _Scaled, told: Sequence[Told]
    ) -> Sequence[float | None]:
        """The metric of each ready replica."""
        assert isinstance(scaled.scaler, MetricScaler)
        if scaled.scaler.by_latency:
            with self._lock:
                latency = scaled.scaler.take_latency()
            return [latency] * row.running_pods
        return [each.value for each in told]

    def _commit(self, changes: Sequence[ScaleChange], news: Sequence[_News] = ()) -> None:
        if not changes and not news:
            return
        told_at = self._around.wall_clock.now()
        if any(change.wanted.replicas > change.before for change in changes):
            self._around.engine.expect_start()

        def save(connection: Connection) -> list[str]:
            require_epoch(connection, self._around.tenure.lease_name, self._around.tenure.epoch)
            for workload_id, event in news:
                store.add_events(connection, workload_id, [event], told_at)
            return [each.workload_id for each in changes if save_scale(connection, each, told_at)]

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


def _is_asleep(record: WorkloadRecord) -> bool:
    is_wanted = record.desired_phase is DesiredPhase.RUNNING and record.failure_reason is None
    return is_wanted and not record.replicas


def _standing(row: _Autoscaled) -> Standing:
    return Standing(row.running_pods, row.replicas, row.first_running_at is not None)


def _change(row: _Autoscaled, wanted: Wanted) -> ScaleChange | None:
    if wanted.replicas == row.replicas:
        return None
    return ScaleChange(row.id, row.revision_id, row.replicas, wanted)


def _news(row: Row[Any], scaled: _Scaled, told: Sequence[Told]) -> list[_News]:
    """That replicas do not tell their metric, or tell it again; each once."""
    is_untold = bool(told) and all(each.value is None for each in told)
    if not told or is_untold == scaled.is_untold:
        return []
    scaled.is_untold = is_untold
    metric = scaled.scaling.metric
    if is_untold:
        message = f"No replica tells {metric}, and their number stays: {told[0].untold_because}."
        return [(row.id, NewEvent("FailedGetMetric", message, True))]
    return [(row.id, NewEvent("MetricFound", f"Replicas tell {metric} again."))]
