"""Compares what was promised, what is on record and what runs. Each finding is one line."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.crash.churn import Entry
from tests.crash.killing import ENVOYS, Kill
from tests.crash.records import Records, WorkloadRow
from tests.crash.traffic import Attempt, SteadyTraffic
from tests.crash.world import ReplicaProcess, World, listening_ports
from tests.end_to_end.platforms import Platform, fetch

MOST_SCALED = 2
"""The most replicas of a workload whose number moves."""
_SHOWN = 5


def broken_promises(entries: Sequence[Entry], records: Records) -> Iterator[str]:
    """What was acknowledged, against what is on record."""
    by_name = {row.name: row for row in records.workloads.values()}
    for entry in entries:
        row = by_name.get(entry.name)
        if row is None:
            if entry.created:
                yield f"{entry.name}: its creation was acknowledged, and it is not on record"
            continue
        if entry.workload_id not in (None, row.id):
            yield f"{entry.name}: acknowledged as {entry.workload_id}, on record as {row.id}"
        if entry.deleted and not row.gone:
            yield f"{entry.name}: its deletion was acknowledged, and it is {row.phase}"
        if row.gone and not entry.deletion_sent:
            yield f"{entry.name}: nobody deleted it, and it is gone"


def unsettled(records: Records) -> Iterator[str]:
    """What is on record as not yet done."""
    for row in records.workloads.values():
        if not row.is_settled:
            yield f"{row.name}: {row.phase}, wanted {row.desired_phase}, pods {row.pods}"


def wrong_processes(records: Records, world: World) -> Iterator[str]:
    """What runs, against what is on record."""
    pods = {pod.id: pod for row in records.living for pod in row.pods}
    supervisors = world.supervisors()
    of_supervisors = {pid for pids in supervisors.values() for pid in pids}
    processes = world.replica_processes()
    main = [
        each
        for each in processes
        if each.parent in of_supervisors or _is_supervised(each, supervisors)
    ]
    orphans = [process for process in processes if not _is_below(process, main)]
    for orphan in orphans:
        yield f"process {orphan.process.pid} of {orphan.replica_id} has no living supervisor"
    running = Counter(process.replica_id for process in main)
    for replica_id in running.keys() | supervisors.keys():
        if replica_id not in pods:
            yield f"replica {replica_id} runs, and no living pod is on record"
    for pod_id in pods:
        if running[pod_id] != 1 or len(supervisors.get(pod_id, ())) != 1:
            yield (
                f"pod {pod_id} has {running[pod_id]} processes "
                f"and {len(supervisors.get(pod_id, ()))} supervisors"
            )
    for process in main:
        pod = pods.get(process.replica_id)
        if pod is not None and process.workload_id != pod.workload_id:
            yield f"process {process.process.pid} belongs to {process.workload_id}, pod {pod}"
        # A container listens in a network of its own.
        listens = process.is_first_in_container or pod is None
        if pod is not None and not listens and pod.port not in listening_ports(process.process.pid):
            yield f"process {process.process.pid} does not listen on its port: {pod}"
    ports = Counter(pod.port for pod in pods.values())
    yield from (f"port {port} is given {count} times" for port, count in ports.items() if count > 1)
    yield from (
        f"traces of {replica_id} are left" for replica_id in world.traces() - records.known_pods
    )


def running_twice(records: Records, world: World) -> Iterator[str]:
    """Workloads with more processes than replicas, which none may have at any moment."""
    of_workloads: defaultdict[str, list[ReplicaProcess]] = defaultdict(list)
    for process in world.replica_processes():
        of_workloads[process.workload_id].append(process)
    for workload_id, found in of_workloads.items():
        row = records.workloads.get(workload_id)
        # Looking takes a while: only those count that lived at one and the same moment.
        alive = [process for process in found if process.process.is_alive()]
        if row is not None and len(alive) > _most(row):
            pods = ", ".join(f"{item.process.pid} of {item.replica_id}" for item in alive)
            yield f"{row.name} has {row.replicas} replicas, and these processes: {pods}"


def _most(row: WorkloadRow) -> int:
    """How many processes it may have: between looking at records and at processes a number that
    moves may have moved, and what drains comes on top."""
    if not row.is_autoscaled:
        return row.replicas
    return MOST_SCALED + sum(pod.stopping for pod in row.pods)


def wrong_answers(records: Records, platform: Platform) -> Iterator[str]:
    """What the gateway answers, against what is on record."""
    for row in records.workloads.values():
        if row.name.startswith("steady"):
            continue
        try:
            answer = platform.ask(row.name)
        except OSError as error:
            yield f"{row.name} is {row.phase}, gone: {row.gone}, and the gateway: {error!r}"
            return
        if row.gone and answer.status != 404:
            yield f"{row.name} is gone, and the gateway answers {answer.status}"
        if not row.gone and answer.status != 200:
            yield f"{row.name} is Running, and the gateway answers {answer.status} {answer.body!r}"
        if not row.gone and answer.status == 200 and not _is_answer_of(row, answer.json()):
            yield f"{row.name} is answered by {answer.json()['environment']['RUNAI_JOB_UUID']}"


def wrong_api(platform: Platform) -> Iterator[str]:
    """Whether the API calls itself ready."""
    answer = fetch(f"{platform.administrator['url']}/readyz")
    if answer.status != 200:
        yield f"/readyz answers {answer.status} {answer.body!r}"


def unexcused_failures(traffic: SteadyTraffic, kills: Sequence[Kill]) -> Iterator[str]:
    """Requests that failed although nothing on their way was killed.

    On its way are Envoy and the workload's own replicas, until they are back. Control plane and
    gate are not.
    """
    excuses = list(_excuses(traffic, kills))
    failures = [
        attempt
        for attempt in traffic.failures
        if not any(excuse.covers(attempt) for excuse in excuses)
    ]
    if len(failures) > _SHOWN:
        yield f"{traffic.name}{traffic.path}: {len(failures)} failures; these are the first"
    for attempt in failures[:_SHOWN]:
        near = [kill for kill in kills if attempt.began - 5 < kill.at < attempt.ended]
        killed = ", ".join(f"{kill.what} {kill.at:.3f}" for kill in near)
        yield (
            f"{traffic.name}{traffic.path}: from {attempt.began:.3f} to {attempt.ended:.3f} "
            f"{attempt.failure}; killed shortly before: {killed}"
        )


@dataclass(frozen=True, slots=True)
class _Excuse:
    """For requests under way at some moment between two; monotonic seconds."""

    begins: float
    ends: float
    also_answers: bool
    """Whether a wrong answer is excused as well as none."""

    def covers(self, attempt: Attempt) -> bool:
        overlaps = self.begins <= attempt.ended and attempt.began < self.ends
        return overlaps and (self.also_answers or attempt.status is None)


def _excuses(traffic: SteadyTraffic, kills: Sequence[Kill]) -> Iterator[_Excuse]:
    for kill in kills:
        if kill.what in ENVOYS:
            back_at = traffic.first_success_after(kill.gone_at)
            # Whoever is answered at all is answered by an Envoy, which must know what to do.
            yield _Excuse(kill.at, math.inf if back_at is None else back_at, also_answers=False)
        elif kill.workload_id == traffic.workload_id:
            back_at = kill.back_at
            yield _Excuse(kill.at, math.inf if back_at is None else back_at, also_answers=True)


def _is_supervised(process: ReplicaProcess, supervisors: Mapping[str, list[int]]) -> bool:
    """Whether it is the first of a container that has a supervisor."""
    return process.is_first_in_container and bool(supervisors.get(process.replica_id))


def _is_below(process: ReplicaProcess, main: Sequence[ReplicaProcess]) -> bool:
    return any(
        process == other
        or (process.replica_id == other.replica_id and process.parent == other.process.pid)
        for other in main
    )


def _is_answer_of(row: WorkloadRow, told: dict[str, dict[str, str]]) -> bool:
    return told["environment"]["RUNAI_JOB_UUID"] == row.id
