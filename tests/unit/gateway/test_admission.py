"""When a request to a limited workload may go, and what it is told where it may not."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from windlass.gateway.gate.admission import LONGEST_WAIT_SECONDS, Admission
from windlass.gateway.gate.demand import Demand
from windlass.gateway.gate.discovery import ENDPOINTS, Discovery, ResourceKey
from windlass.gateway.gate.holds import Denial, Outlook
from windlass.gateway.gate.lending import KEPT_SECONDS
from windlass.gateway.gate.queues import Arrival, Grant, Lent, Visit
from windlass.gateway.gate.store import Record
from windlass.gateway.gateway import Endpoint, Route
from windlass.kit.clock import ManualClock

LIMIT = 60.0
ONE = "127.0.0.1:1001"
KEY = ResourceKey(ENDPOINTS, "id")
FREE = Outlook(
    has_endpoint=True, may_pass=True, addresses=(ONE,), concurrency_limit=1, limit_seconds=LIMIT
)
ASLEEP = Outlook(concurrency_limit=1, limit_seconds=LIMIT)


class Queueing:
    """One workload's queue, how things stand for it, and a clock."""

    def __init__(self, outlook: Outlook, discovery: Discovery) -> None:
        self.now = outlook
        self.clock = ManualClock()
        self.discovery = discovery
        self.demand = Demand(self.clock)
        self.admission = Admission(self, self.discovery, self.demand, self.clock)
        self.lent: list[Lent] = []
        """All that Envoy was told, in this order."""
        self.has_heard = True

    def may_lend(self, workload_id: str) -> bool:
        assert workload_id == "id"
        return self.has_heard

    def lend(self, workload_id: str, lent: Lent) -> None:
        assert workload_id == "id"
        self.lent.append(lent)

    def look(self) -> None:
        """Lend what is free, as every tenth of a second."""
        self.admission.lending.lend()

    @property
    def told(self) -> tuple[dict[str, int], bool]:
        """What is lent, as Envoy was told last, and whether that is all there is."""
        return dict(self.lent[-1].slots), self.lent[-1].is_whole

    def outlook(self, workload_id: str) -> Outlook:
        assert workload_id == "id"
        return self.now

    def arrival(self, identity: str = "a", ago: float = 0.0) -> Arrival:
        return Arrival("id", self.clock.now() - ago, identity)


def _run(
    outlook: Outlook,
    scenario: Callable[[Queueing], Awaitable[None]],
    discovery: Discovery | None = None,
) -> None:
    async def run() -> None:
        await asyncio.wait_for(scenario(Queueing(outlook, discovery or Discovery())), 20)

    asyncio.run(run())


def test_with_room_a_request_goes_at_once_with_what_is_left_of_its_time() -> None:
    async def scenario(queueing: Queueing) -> None:
        visit = queueing.admission.enter(queueing.arrival(ago=15))
        assert queueing.admission.decision(visit) == Grant(ONE, 15.0, LIMIT - 15)
        assert queueing.admission.in_use("id") == {ONE: 1}
        assert queueing.demand.held("id") == 0
        queueing.admission.leave(visit)
        assert queueing.admission.in_use("id") == {}

    _run(FREE, scenario)


@pytest.mark.parametrize(
    ("ago", "limit", "status"),
    [
        (LIMIT, LIMIT, 504),
        (LONGEST_WAIT_SECONDS, 10 * LONGEST_WAIT_SECONDS, 503),
    ],
)
def test_who_has_waited_for_too_long_is_told_so(ago: float, limit: float, status: int) -> None:
    async def scenario(queueing: Queueing) -> None:
        visit = queueing.admission.enter(queueing.arrival(ago=ago))
        await queueing.admission.wait(visit)
        denial = queueing.admission.decision(visit)
        assert isinstance(denial, Denial)
        assert denial.status == status
        queueing.admission.leave(visit)

    _run(replace(ASLEEP, limit_seconds=limit), scenario)


def test_who_waits_is_counted_and_goes_when_envoy_knows_of_a_replica() -> None:
    async def scenario(queueing: Queueing) -> None:
        visit = queueing.admission.enter(queueing.arrival())
        waiting = asyncio.create_task(queueing.admission.wait(visit))
        await asyncio.sleep(0)
        assert queueing.demand.held("id") == 1
        queueing.now = FREE
        queueing.discovery.look_again(KEY)
        await waiting
        assert queueing.admission.decision(visit) == Grant(ONE, 0.0, LIMIT)
        assert queueing.demand.totals("id").released == 1
        queueing.admission.leave(visit)

    _run(ASLEEP, scenario)


def test_who_leaves_the_queue_is_not_counted_as_sent_on() -> None:
    async def scenario(queueing: Queueing) -> None:
        visit = queueing.admission.enter(queueing.arrival())
        waiting = asyncio.create_task(queueing.admission.wait(visit))
        await asyncio.sleep(0)
        waiting.cancel()
        queueing.admission.leave(visit)
        with pytest.raises(asyncio.CancelledError):
            await waiting
        totals = queueing.demand.totals("id")
        assert (totals.held, totals.asked, totals.released) == (0, 1, 0)

    _run(ASLEEP, scenario)


def test_a_request_that_returns_keeps_its_place_and_goes_elsewhere() -> None:
    async def scenario(queueing: Queueing) -> None:
        admission, two = queueing.admission, "127.0.0.1:1002"
        early, late = queueing.arrival("early", ago=2), queueing.arrival("late", ago=1)
        visit = admission.enter(early)
        waiting = admission.enter(late)
        admission.leave(visit)
        assert admission.decision(waiting) == Grant(ONE, 1.0, LIMIT - 1)
        queueing.now = replace(FREE, addresses=(ONE, two))
        again = admission.enter(early)
        assert admission.decision(again) == Grant(two, 2.0, LIMIT - 2)
        admission.leave(waiting)
        admission.leave(again)

    _run(FREE, scenario)


def test_who_went_straight_gives_its_slot_back_when_it_asks_again() -> None:
    async def scenario(queueing: Queueing) -> None:
        admission, two = queueing.admission, "127.0.0.1:1002"
        asked = replace(queueing.arrival("straight", ago=2), is_straight=True)
        straight = admission.enter(asked)
        assert admission.decision(straight) == Grant(ONE, 2.0, LIMIT - 2)
        queueing.now = replace(FREE, addresses=(ONE, two))
        again = admission.enter(replace(asked, is_straight=False))
        assert admission.decision(again) == Grant(two, 2.0, LIMIT - 2)
        assert admission.in_use("id") == {two: 1}
        admission.lose(straight)
        admission.leave(straight)
        assert admission.in_use("id") == {two: 1}
        admission.leave(again)
        assert admission.in_use("id") == {}

    _run(FREE, scenario)


def test_who_did_not_go_straight_keeps_its_slot_whoever_else_comes() -> None:
    async def scenario(queueing: Queueing) -> None:
        queueing.now = replace(FREE, concurrency_limit=2)
        arrival = queueing.arrival("the same")
        first, second = (queueing.admission.enter(arrival) for _ in range(2))
        assert queueing.admission.in_use("id") == {ONE: 2}
        for visit in (first, second):
            queueing.admission.leave(visit)

    _run(FREE, scenario)


def test_after_a_restart_nothing_is_granted_until_envoy_counts_room() -> None:
    async def scenario(queueing: Queueing) -> None:
        admission = queueing.admission
        endpoint = Endpoint("one", "127.0.0.1", 1001)
        admission.loaded(Record(Route("id", (), "", (endpoint,), concurrency_limit=1)))
        visit = admission.enter(queueing.arrival())
        assert not visit.decided.done()
        assert admission.uncounted() == ["id"]
        admission.count("id", {"127.0.0.1_1001": 1}, settled_before=0.0)
        assert not visit.decided.done()
        admission.count("id", {}, settled_before=0.0)
        assert visit.decided.done()
        assert admission.uncounted() == []
        admission.leave(visit)

    _run(FREE, scenario)


def test_when_envoys_word_is_lost_its_count_decides_whether_a_slot_is_free() -> None:
    async def scenario(queueing: Queueing) -> None:
        admission = queueing.admission
        lost, waiting = (admission.enter(queueing.arrival(each)) for each in ("lost", "waiting"))
        admission.lose(lost)
        admission.leave(lost)
        assert not waiting.decided.done()
        admission.count("id", {"127.0.0.1_1001": 1}, settled_before=0.0)
        assert not waiting.decided.done()
        admission.count("id", {}, settled_before=0.0)
        assert waiting.decided.done()
        admission.leave(waiting)

    _run(FREE, scenario)


def test_those_who_are_all_denied_at_once_may_leave_when_nothing_is_left_of_their_queue() -> None:
    async def scenario(queueing: Queueing) -> None:
        admission = queueing.admission
        visits = [admission.enter(queueing.arrival(each)) for each in "abc"]
        waiting = [asyncio.create_task(admission.wait(visit)) for visit in visits]
        await asyncio.sleep(0)
        queueing.now = Outlook(denial=Denial(404, "It is not here."))
        admission.look("id")
        await asyncio.gather(*waiting)
        # Whoever follows what Envoy acknowledges finds nobody waiting any more.
        queueing.discovery.look_again(KEY)
        for _ in range(3):
            await asyncio.sleep(0)
        for visit in visits:
            assert admission.decision(visit) == queueing.now.denial
            admission.leave(visit)
        assert admission.in_use("id") == {}

    _run(ASLEEP, scenario)


class _Alone(Discovery):
    """As if one Envoy was connected, which hands out slots."""

    is_there = True

    @property
    def lends(self) -> bool:
        return self.is_there


def _run_lending(outlook: Outlook, scenario: Callable[[Queueing], Awaitable[None]]) -> None:
    async def begun(queueing: Queueing) -> None:
        # Something was asked for; from then on a workload's slots are lent.
        queueing.admission.leave(queueing.admission.enter(queueing.arrival("first")))
        queueing.look()
        queueing.look()
        await scenario(queueing)

    _run(outlook, begun, _Alone())


def _straight(queueing: Queueing, identity: str) -> Visit:
    return queueing.admission.enter(replace(queueing.arrival(identity), is_straight=True))


def test_what_is_free_is_lent_and_nothing_else_granted() -> None:
    async def scenario(queueing: Queueing) -> None:
        assert queueing.told == ({ONE: 3}, True)
        assert queueing.lent[-1].era == queueing.lent[-1].version
        assert queueing.admission.lending.lent() == {"id": 3}
        told = len(queueing.lent)
        queueing.look()
        assert len(queueing.lent) == told, "there is nothing new to tell"

    _run_lending(replace(FREE, concurrency_limit=3), scenario)


def test_once_somebody_waits_all_is_taken_back_and_counted_before_it_is_granted() -> None:
    async def scenario(queueing: Queueing) -> None:
        admission = queueing.admission
        visit = _straight(queueing, "waits")
        assert queueing.told == ({}, False)
        assert queueing.lent[-1].era == 0
        assert queueing.lent[-1].version > queueing.lent[0].version
        assert admission.lending.lent() == {}
        assert (admission.uncounted(), admission.lending.to_count.is_set()) == (["id"], True)
        assert admission.waits_for_count
        admission.count("id", {"127.0.0.1_1001": 3}, settled_before=0.0)
        assert not visit.decided.done()
        admission.count("id", {"127.0.0.1_1001": 2}, settled_before=0.0)
        assert isinstance(admission.decision(visit), Grant)
        admission.leave(visit)

    _run_lending(replace(FREE, concurrency_limit=3), scenario)


def test_what_was_taken_back_is_lent_again_only_after_a_while() -> None:
    async def scenario(queueing: Queueing) -> None:
        admission = queueing.admission
        visit = _straight(queueing, "waits")
        admission.count("id", {}, settled_before=0.0)
        admission.leave(visit)
        told = len(queueing.lent)
        queueing.look()
        assert len(queueing.lent) == told
        queueing.clock.advance(KEPT_SECONDS + 0.1)
        # One was busy since it was last looked.
        queueing.look()
        queueing.look()
        assert queueing.told == ({ONE: 3}, True)

    _run_lending(replace(FREE, concurrency_limit=3), scenario)


def test_a_slot_that_is_never_free_is_lent_once_its_request_has_ended() -> None:
    async def scenario(queueing: Queueing) -> None:
        admission = queueing.admission
        before = _straight(queueing, "before")
        queueing.look()
        assert queueing.told == ({ONE: 0}, False)
        assert _era_of(queueing, before) == 0, "it came before anything was lent"
        admission.leave(before)
        next_one = _straight(queueing, "next")
        assert _era_of(queueing, next_one) == queueing.lent[-1].era > 0
        admission.leave(next_one)
        assert (admission.in_use("id"), admission.lending.lent()) == ({}, {"id": 1})
        queueing.look()
        assert queueing.told == ({ONE: 1}, True)

    _run(FREE, scenario, _Alone())


def _era_of(queueing: Queueing, visit: Visit) -> int:
    grant = queueing.admission.decision(visit)
    assert isinstance(grant, Grant)
    return grant.era


def test_a_slot_is_not_said_to_be_lent_before_envoy_has_heard_that_any_is() -> None:
    async def scenario(queueing: Queueing) -> None:
        admission = queueing.admission
        queueing.now = replace(queueing.now, concurrency_limit=2)
        admission.leave(admission.enter(queueing.arrival("more")))
        queueing.has_heard = False
        visit = _straight(queueing, "early")
        assert _era_of(queueing, visit) == 0
        admission.leave(visit)
        assert admission.lending.lent() == {"id": 1}

    _run_lending(FREE, scenario)


@pytest.mark.parametrize("happens", ["it did not reach its replica", "its stream was lost"])
def test_a_slot_that_the_gate_and_envoy_may_see_end_otherwise_is_not_lent(happens: str) -> None:
    async def scenario(queueing: Queueing) -> None:
        admission = queueing.admission
        before = [_straight(queueing, name) for name in ("one", "two")]
        queueing.look()
        for each in before:
            admission.leave(each)
        visit = _straight(queueing, "lost")
        assert _era_of(queueing, visit) == queueing.lent[-1].era > 0
        if happens == "its stream was lost":
            admission.lose(visit)
        else:
            admission.enter(queueing.arrival("lost"))
        admission.leave(visit)
        assert queueing.told == ({}, False)
        assert admission.lending.lent() == {}

    _run(replace(FREE, concurrency_limit=3), scenario, _Alone())


def test_a_replica_that_leaves_takes_its_slots_with_it_and_others_stay_lent() -> None:
    two = "127.0.0.1:1002"
    endpoints = (Endpoint("one", "127.0.0.1", 1001), Endpoint("two", "127.0.0.1", 1002))

    async def scenario(queueing: Queueing) -> None:
        admission = queueing.admission
        assert queueing.told == ({ONE: 1, two: 1}, True)
        both = Record(Route("id", (), "", endpoints, concurrency_limit=1))
        fewer = Record(replace(both.route, endpoints=endpoints[1:]))
        queueing.now = replace(queueing.now, addresses=(two,))
        admission.changed(both, fewer)
        assert queueing.told == ({two: 1}, True)
        assert queueing.lent[-1].era == queueing.lent[0].era
        for changed in (
            Record(replace(fewer.route, concurrency_limit=2)),
            Record(replace(fewer.route, unavailable="It broke.")),
            fewer.removed_now(),
        ):
            queueing.clock.advance(KEPT_SECONDS + 1)
            admission.count("id", {}, settled_before=0.0)
            queueing.look()
            assert queueing.told == ({two: 1}, True)
            admission.changed(fewer, changed)
            assert queueing.told == ({}, False)

    _run_lending(replace(FREE, addresses=(ONE, two)), scenario)


def test_nothing_is_lent_to_an_envoy_that_is_gone_or_not_alone() -> None:
    async def scenario(queueing: Queueing) -> None:
        assert queueing.admission.lending.lent() == {"id": 1}
        assert isinstance(queueing.discovery, _Alone)
        queueing.discovery.is_there = False
        queueing.look()
        assert queueing.admission.lending.lent() == {}
        assert queueing.admission.uncounted() == ["id"]

    _run_lending(FREE, scenario)
