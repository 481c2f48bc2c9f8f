"""Brings one workload closer to what is desired: observe, decide, route, commit, act.

The order matters. A route is acknowledged before the record says so; a replica's start and its
stop are on record before the engine is told; and what the engine is told twice it does once.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import structlog
from sqlalchemy import Connection

from windlass.control.changes import record_change
from windlass.control.lease import require_epoch
from windlass.engines.engine import (
    ImageStatus,
    ReplicaCannotStart,
)
from windlass.gateway.gateway import AddressInUse, GatewayUnavailable, Route
from windlass.kit.ids import new_id
from windlass.workloads import claims, store
from windlass.workloads.asset_use import WorkloadsByAsset, end_use
from windlass.workloads.images import (
    Told,
    hold_back,
    image_events,
    needs_image,
    told_of,
    with_image,
)
from windlass.workloads.kind import DesiredWorkload
from windlass.workloads.lifecycle import STOP_GRACE_SECONDS, Decision, decide, drain_seconds
from windlass.workloads.phases import DesiredPhase
from windlass.workloads.records import (
    NewEvent,
    Pod,
    PodState,
    WorkloadRecord,
    WorkloadState,
    merge_observation,
)
from windlass.workloads.routing import route_of
from windlass.workloads.starting import ReplicaStarter
from windlass.workloads.status import engine_events, status_columns, status_of
from windlass.workloads.surroundings import EVERYTHING, PLACEMENT, WORKLOAD, Surroundings

_ENDED_PODS_KEPT = 10
_DRAIN_POLL_SECONDS = 0.1
_STOP_POLL_SECONDS = 1.0
_GATEWAY_RETRY_SECONDS = 0.3
_MOMENT_SECONDS = 0.05

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Observed:
    before: WorkloadState
    state: WorkloadState
    events: tuple[NewEvent, ...]
    just_ended: frozenset[str]
    image: ImageStatus | None = None
    """Where its image stands; None where nothing is about to be started."""


class WorkloadReconciler:
    """Reconciles workloads of every kind; at most one run a workload at a time."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._starter = ReplicaStarter(surroundings)
        self._acknowledged: dict[str, Route] = {}
        self._told_of_images: dict[str, Told] = {}
        self._just_written: dict[str, tuple[float, WorkloadState]] = {}

    def list_keys(self) -> Sequence[str]:
        """Every workload that is not gone."""
        with self._around.database.read() as connection:
            return store.unfinished_workloads(connection)

    def assume_acknowledged(self, routes: Sequence[Route]) -> None:
        """Say which routes the gateway has, after it was given them all at once."""
        self._acknowledged = {route.workload_id: route for route in routes}

    def expect(self, state: WorkloadState) -> None:
        """Say what was just written about a workload, so that its next run need not read it."""
        self._just_written[state.record.id] = self._around.clock.monotonic(), state

    def current_route(self, workload_id: str) -> Route | None:
        """The route it should have by what is seen now; nothing is changed."""
        observed = self._observe(workload_id)
        if observed is None or _is_deleted(observed.state.record):
            return None
        return self._route(observed.state.record, self._decide(observed))

    def reconcile(self, workload_id: str) -> float | None:
        """One step. When to look again, in seconds, if nothing wakes it before."""
        observed = self._observe(workload_id)
        if observed is None:
            self._acknowledged.pop(workload_id, None)
            return None
        observed = self._look_at_image(observed)
        decision = self._decide(observed)
        record = observed.state.record
        routed = self._apply_route(record, decision)
        recorded = _on_record(observed, decision.start)
        if not self._starter.start_all(record, recorded, observed.image):
            return 0.0
        gone = _is_deleted(record) and routed and not decision.alive
        if gone:
            # What is on record as gone is not looked at again: nothing of it may be left by then.
            self._forget(observed.state.ended + decision.ended)
        self._commit(observed, decision, routed=routed, gone=gone)
        self._wake_placement(observed, decision)
        if gone:
            return None
        self._prune(observed.state.ended)
        again = [decision.look_again_seconds, None if routed else _GATEWAY_RETRY_SECONDS]
        others = [pod for pod in decision.start if pod not in recorded]
        if not self._starter.start_all(record, others, observed.image):
            return 0.0
        again += [_STOP_POLL_SECONDS for _ in decision.start]
        again += [self._stop(record, pod, decision, routed=routed) for pod in decision.alive]
        return min((seconds for seconds in again if seconds is not None), default=None)

    def _observe(self, workload_id: str) -> _Observed | None:
        before = self._recorded(workload_id)
        if before is None:
            return None
        now = self._around.clock.now()
        alive: list[Pod] = []
        ended: list[Pod] = []
        events: list[NewEvent] = []
        for pod in before.alive:
            seen = self._around.engine.observe_one(pod.id) if pod.is_placed else None
            merged, news = merge_observation(pod, seen, now)
            (alive if merged.is_alive else ended).append(merged)
            events += news
        ended.sort(key=lambda pod: pod.created_at, reverse=True)
        state = replace(before, alive=tuple(alive), ended=tuple(ended) + before.ended)
        return _Observed(before, state, tuple(events), frozenset(pod.id for pod in ended))

    def _recorded(self, workload_id: str) -> WorkloadState | None:
        """What is on record, or was written there a moment ago. That may be overtaken, as what is
        read may be: whoever changes something has the workload looked at again."""
        at, written = self._just_written.pop(workload_id, (0.0, None))
        if written is not None and self._around.clock.monotonic() - at < _MOMENT_SECONDS:
            return written
        with self._around.database.read() as connection:
            return store.load_state(connection, workload_id)

    def _look_at_image(self, observed: _Observed) -> _Observed:
        """Have the image of what is about to be started brought here, and say how far it is."""
        record = observed.state.record
        if not needs_image(observed.state):
            self._told_of_images.pop(record.id, None)
            return observed
        template = self._desired(record).template
        with suppress(ReplicaCannotStart):
            # Where something is missing, the start itself tells of it.
            template = self._around.secrets.filled(record.id, template)
        image = self._around.engine.image(template, record.revision_id, record.image)
        events = image_events(image, self._told_of_images.get(record.id))
        if (told := told_of(image)) is not None:
            self._told_of_images[record.id] = told
        return replace(
            observed,
            state=with_image(observed.state, image),
            events=(*observed.events, *events),
            image=image,
        )

    def _decide(self, observed: _Observed) -> Decision:
        record = observed.state.record
        timeout = self._desired(record).initialization_timeout_seconds
        now = self._around.clock.now()
        decision = decide(observed.state, now, timeout, new_id, self._leaving_places(observed))
        return hold_back(decision, observed.image)

    def _leaving_places(self, observed: _Observed) -> frozenset[str]:
        """The pods that just ended whose place is still there to be taken over."""
        just_ended = [pod for pod in observed.state.ended if pod.id in observed.just_ended]
        nodes = {node.name: node for node in self._around.engine.nodes()} if just_ended else {}
        return frozenset(
            pod.id
            for pod in just_ended
            if pod.node_name in nodes
            and {share.device_id for share in pod.devices}
            <= {device.id for device in nodes[pod.node_name].devices}
        )

    def _desired(self, record: WorkloadRecord) -> DesiredWorkload:
        return self._around.kinds.desired(record.type, record.revision_id, record.spec)

    def _route(self, record: WorkloadRecord, decision: Decision) -> Route:
        return route_of(record, decision, self._desired(record), self._around.places)

    def _apply_route(self, record: WorkloadRecord, decision: Decision) -> bool:
        """Whether the gateway has acknowledged what the decision asks for."""
        gateway, epoch = self._around.gateway, self._around.tenure.epoch
        wanted = None if _is_deleted(record) else self._route(record, decision)
        try:
            if wanted is None:
                gateway.remove(record.id, epoch)
                self._acknowledged.pop(record.id, None)
            elif self._acknowledged.get(record.id) != wanted:
                gateway.put(wanted, epoch)
                self._acknowledged[record.id] = wanted
        except AddressInUse as error:
            self._acknowledged.pop(record.id, None)
            self._give_up(record, "AddressInUse", str(error))
            return False
        except GatewayUnavailable as error:
            _log.warning("gateway did not acknowledge", workload=record.id, reason=str(error))
            self._acknowledged.pop(record.id, None)
            return False
        return True

    def _give_up(self, record: WorkloadRecord, reason: str, message: str) -> None:
        """Note that the workload has failed, as the next step will find."""
        told_at = self._around.wall_clock.now()
        values = {"failure_reason": reason, "failure_message": message}

        def save(connection: Connection) -> None:
            require_epoch(connection, self._around.tenure.lease_name, self._around.tenure.epoch)
            store.save_workload(connection, record.id, values, told_at)
            store.add_events(connection, record.id, [NewEvent(reason, message, True)], told_at)
            record_change(connection, WORKLOAD, record.id)

        self._around.database.write(save)

    def _commit(self, observed: _Observed, decision: Decision, *, routed: bool, gone: bool) -> None:
        record = observed.state.record
        now = self._around.clock.now()
        told_at = self._around.wall_clock.now()
        minimum = self._desired(record).scaling.minimum
        status = status_of(record, decision, observed.state.ended, minimum, routed=routed)
        values = {
            **status_columns(record, status, told_at),
            **_lasting_columns(record, decision),
            **({"deleted_at": told_at} if gone else {}),
        }
        before = {pod.id: pod for pod in observed.before.alive}
        newly_ended = [pod for pod in observed.state.ended if pod.id in observed.just_ended]
        pods = [*decision.alive, *decision.ended, *newly_ended]
        events = (*observed.events, *decision.events, *engine_events(record, status))
        image = observed.image.pinned if observed.image and record.image is None else None
        changed = values or events or image or any(before.get(pod.id) != pod for pod in pods)
        if not changed:
            return

        def save(connection: Connection) -> None:
            require_epoch(connection, self._around.tenure.lease_name, self._around.tenure.epoch)
            store.save_pods(connection, before, pods, now)
            if values:
                store.save_decided(connection, record.id, values, told_at, record.desired_phase)
            store.add_events(connection, record.id, events, told_at)
            if image is not None:
                store.save_image(connection, record.revision_id, image)
            if gone:
                claims.release(connection, record.id)
                end_use(connection, WorkloadsByAsset({}), record.id, record.name, told_at)

        self._around.database.write(save)

    def _wake_placement(self, observed: _Observed, decision: Decision) -> None:
        waiting = any(not pod.is_placed for pod in decision.alive)
        stopping = {pod.id for pod in observed.state.alive if pod.is_stopping}
        # Whether there will be room is another question as soon as something is on its way out.
        leaves = any(pod.is_stopping and pod.id not in stopping for pod in decision.alive)
        if waiting or leaves or observed.just_ended or decision.ended:
            self._around.wake(PLACEMENT, EVERYTHING)

    def _stop(
        self, record: WorkloadRecord, pod: Pod, decision: Decision, *, routed: bool
    ) -> float | None:
        """Stop a replica that is to stop, once no request can still be under way."""
        if pod.stop_requested_at is None or not routed:
            return None
        timeout = self._desired(record).request_timeout_seconds
        limit = drain_seconds(record, decision.failure, timeout, pod.stop_requested_at)
        waited = self._around.clock.now() - pod.stop_requested_at
        if pod in decision.draining and not self._is_drained(pod, waited, limit):
            return min(max(waited / 10, _DRAIN_POLL_SECONDS), _STOP_POLL_SECONDS)
        self._around.engine.stop(pod.id, STOP_GRACE_SECONDS, self._around.tenure.epoch)
        return _STOP_POLL_SECONDS

    def _is_drained(self, pod: Pod, waited: float, limit: float) -> bool:
        # A clock set back between two runs of the control plane must not stretch the wait.
        if not 0 <= waited < limit:
            return True
        try:
            return not self._around.gateway.in_flight(pod.workload_id).get(pod.id, 0)
        except GatewayUnavailable:
            return False

    def _prune(self, ended: Sequence[Pod]) -> None:
        """Remove the traces of all but the latest ends of each replica."""
        kept: dict[int, int] = {}
        old: list[Pod] = []
        for pod in ended:
            kept[pod.ordinal] = kept.get(pod.ordinal, 0) + 1
            if kept[pod.ordinal] > _ENDED_PODS_KEPT:
                old.append(pod)
        if old:
            self._forget(old)
            ids = [pod.id for pod in old]
            self._around.database.write(lambda connection: store.remove_pods(connection, ids))

    def _forget(self, pods: Collection[Pod]) -> None:
        for pod in pods:
            self._around.engine.forget(pod.id, self._around.tenure.epoch)


def _on_record(observed: _Observed, pods: Sequence[Pod]) -> list[Pod]:
    """Those of which all is on record that they are started with: they need not wait for a commit.

    The first replica of a revision decides which image the others have.
    """
    pins_image = observed.image is not None and observed.image.pinned is not None
    if pins_image and observed.state.record.image is None:
        return []
    placed = {pod.id for pod in observed.before.alive if pod.is_placed}
    return [pod for pod in pods if pod.id in placed]


def _is_deleted(record: WorkloadRecord) -> bool:
    return record.desired_phase is DesiredPhase.DELETED


def _lasting_columns(record: WorkloadRecord, decision: Decision) -> dict[str, object]:
    values: dict[str, object] = {}
    if decision.initializing_at != record.initializing_at:
        values["initializing_at"] = decision.initializing_at
    if decision.failure is not None and record.failure_reason is None:
        values["failure_reason"] = decision.failure.reason
        values["failure_message"] = decision.failure.message
    if record.pending_message is not None and not any(
        pod.state is PodState.PENDING for pod in decision.alive
    ):
        values["pending_reasons"] = None
    return values
