"""When a request to a limited workload may go, and what it is told where it may not."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from windlass.gateway.gate.admission import LONGEST_WAIT_SECONDS, Admission, Arrival, Grant
from windlass.gateway.gate.demand import Demand
from windlass.gateway.gate.discovery import ENDPOINTS, Discovery, ResourceKey
from windlass.gateway.gate.holds import Denial, Outlook
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

    def __init__(self, outlook: Outlook) -> None:
        self.now = outlook
        self.clock = ManualClock()
        self.discovery = Discovery()
        self.demand = Demand(self.clock)
        self.admission = Admission(self, self.discovery, self.demand, self.clock)

    def outlook(self, workload_id: str) -> Outlook:
        assert workload_id == "id"
        return self.now

    def arrival(self, identity: str = "a", ago: float = 0.0) -> Arrival:
        return Arrival("id", self.clock.now() - ago, identity)


def _run(outlook: Outlook, scenario: Callable[[Queueing], Awaitable[None]]) -> None:
    async def run() -> None:
        await asyncio.wait_for(scenario(Queueing(outlook)), 20)

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
