"""Has replicas started that have a place, and puts on record where one could not be."""

from collections.abc import Sequence

from sqlalchemy import Connection

from windlass.control.changes import record_change
from windlass.control.lease import require_epoch
from windlass.engines.engine import (
    ExitReason,
    ImageStatus,
    ReplicaCannotStart,
    ReplicaExit,
    ReplicaRefused,
    ReplicaSpec,
)
from windlass.workloads import store
from windlass.workloads.records import NewEvent, Pod, WorkloadRecord
from windlass.workloads.surroundings import EVERYTHING, PLACEMENT, WORKLOAD, Surroundings

_LONGEST_HOST_NAME = 63


class ReplicaStarter:
    """Starts replicas of workloads of every kind; what was started once is left alone."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings

    def start_all(
        self, record: WorkloadRecord, pods: Sequence[Pod], image: ImageStatus | None
    ) -> bool:
        """Whether all could be started; where one could not, that is on record."""
        return all(self._start(record, pod, image) for pod in pods)

    def _start(self, record: WorkloadRecord, pod: Pod, image: ImageStatus | None) -> bool:
        desired = self._around.kinds.desired(record.type, record.revision_id, record.spec)
        try:
            spec = ReplicaSpec(
                replica_id=pod.id,
                owner=record.project_id,
                template=self._around.secrets.filled(record.id, desired.template),
                platform_environment=_platform_environment(record, pod),
                devices=pod.devices,
                host_name=f"{record.name}-{pod.ordinal}"[:_LONGEST_HOST_NAME],
                image=record.image or (image.pinned if image is not None else None),
            )
            self._around.engine.start(spec, self._around.tenure.epoch)
        except ReplicaCannotStart as error:
            self._record_failed_start(record, pod, error)
            return False
        return True

    def _record_failed_start(
        self, record: WorkloadRecord, pod: Pod, error: ReplicaCannotStart
    ) -> None:
        """Note that a pod did not start; where trying again is no use, give its workload up."""
        now = self._around.clock.now()
        told_at = self._around.wall_clock.now()
        ended = pod.exited(ReplicaExit(ExitReason.START_FAILED, str(error), now))
        reason = ExitReason.START_FAILED.value
        event = NewEvent(reason, f"Replica {pod.ordinal}: {error}", True, pod.id)
        given_up = {"failure_reason": reason, "failure_message": str(error)}

        def save(connection: Connection) -> None:
            require_epoch(connection, self._around.tenure.lease_name, self._around.tenure.epoch)
            store.save_pods(connection, {pod.id: pod}, [ended], now)
            if isinstance(error, ReplicaRefused):
                store.save_workload(connection, record.id, given_up, told_at)
            store.add_events(connection, record.id, [event], told_at)
            record_change(connection, WORKLOAD, record.id)

        self._around.database.write(save)
        self._around.wake(PLACEMENT, EVERYTHING)


def _platform_environment(record: WorkloadRecord, pod: Pod) -> dict[str, str]:
    portions = sum(share.portion for share in pod.devices)
    return {
        "RUNAI_PROJECT": record.project_name,
        "RUNAI_JOB_NAME": record.name,
        "RUNAI_JOB_UUID": record.id,
        "RUNAI_NUM_OF_GPUS": f"{portions:g}",
        "NODE_NAME": pod.node_name or "",
    }
