"""Wakes a workload of which nothing runs, in one transaction: a request waits for it.

As a rule the autoscaler writes a number of replicas, reconciling writes pods for them, and
placement gives these their places: three transactions, of which each waits for the disk and for its
turn. Here the same decisions are taken at once, and written together. Whatever is not plain is left
to the rule.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from sqlalchemy import Connection

from windlass.kit.ids import new_id
from windlass.workloads import store
from windlass.workloads.lifecycle import decide
from windlass.workloads.placement import NewPods, PlacementReconciler
from windlass.workloads.records import Pod, WorkloadState
from windlass.workloads.scale_changes import ScaleChange, save_scale
from windlass.workloads.surroundings import Surroundings


class Awakening:
    """Threads may share it."""

    def __init__(
        self,
        surroundings: Surroundings,
        placement: PlacementReconciler,
        expect: Callable[[WorkloadState], None],
    ) -> None:
        """`expect` is told what was written, for whoever reconciles the workload next."""
        self._around = surroundings
        self._placement = placement
        self._expect = expect

    def wake(self, change: ScaleChange, state: WorkloadState) -> bool:
        """Carry out a change from zero, up to the places of the replicas; where that is not to be
        done here, nothing is done, and it is False. `state` is what the change was decided by.

        Raises LeaseLost.
        """
        new = self._new_pods(change, state)
        if new is None:
            return False
        try:
            self._placement.place_new(new)
        except _Overtaken:
            return False
        return True

    def _new_pods(self, change: ScaleChange, state: WorkloadState) -> NewPods | None:
        """The pods that reconciling would make; None unless there is nothing else to do."""
        told_at, now = self._around.wall_clock.now(), self._around.clock.now()
        record = replace(state.record, replicas=change.wanted.replicas)
        desired = self._around.kinds.desired(record.type, record.revision_id, record.spec)
        timeout = desired.initialization_timeout_seconds
        decision = decide(replace(state, record=record), now, timeout, new_id)
        if state.alive or not decision.alive or decision.events:
            # Some are on their way out, none is wanted, or the last ended in a way that has the
            # next ones wait.
            return None

        def save(connection: Connection) -> None:
            if not save_scale(connection, change, told_at):
                raise _Overtaken
            store.save_pods(connection, {}, decision.alive, now)

        def saved(placed: Mapping[str, Pod]) -> None:
            if len(placed) == len(decision.alive):
                alive = tuple(placed[each.id] for each in decision.alive)
                self._expect(replace(state, record=record, alive=alive))

        return NewPods(record, decision.alive, save, saved)


class _Overtaken(Exception):
    """The record is not as the change was decided by."""
