"""When a held request may go on, and what it is told where it may not."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from envoy.service.auth.v3 import external_auth_pb2

from windlass.gateway.gate.demand import Demand
from windlass.gateway.gate.discovery import ENDPOINTS, Discovery, ResourceKey
from windlass.gateway.gate.holds import Denial, Holds, Outlook
from windlass.gateway.gate.room import Room
from windlass.gateway.names import REMAINING_HEADER, WORKLOAD
from windlass.kit.clock import ManualClock

LIMIT = 60.0


class Held:
    """Held requests of one workload, and how things stand for them."""

    def __init__(self, outlook: Outlook, room: Room | None = None) -> None:
        self.clock = ManualClock()
        self.demand = Demand(self.clock, room)
        self.outlook = outlook
        self._discovery = Discovery()
        self._holds = Holds(self._discovery, lambda _: self.outlook, self.demand, self.clock)

    def check(
        self, ago: float = 0.0, jump: float = 0.0
    ) -> Awaitable[external_auth_pb2.CheckResponse]:
        """A request that came some seconds ago, by a clock that was set since."""
        request = external_auth_pb2.CheckRequest()
        request.attributes.context_extensions[WORKLOAD] = "id"
        request.attributes.request.time.FromNanoseconds(int((self.clock.now() - ago) * 1e9))
        self.clock.jump(jump)
        return self._holds.check(request, _knows_already)

    async def wait(self) -> "asyncio.Future[external_auth_pb2.CheckResponse]":
        """A request that begins to wait."""
        waiting = asyncio.ensure_future(self.check())
        await asyncio.sleep(0)
        assert not waiting.done()
        return waiting

    def change(self, outlook: Outlook) -> None:
        """From now on things stand like this."""
        self.outlook = outlook
        self._discovery.look_again(ResourceKey(ENDPOINTS, "id"))


async def _knows_already(_moment: int) -> None:
    """As a worker of Envoy that has heard of everything."""


def _run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        await asyncio.wait_for(scenario(), 10)

    asyncio.run(limited())


@pytest.mark.parametrize(
    ("ago", "jump", "remaining"), [(0.0, 0.0, 60_000), (15.0, 0.0, 45_000), (0.0, -500.0, 60_000)]
)
def test_who_may_pass_gets_what_is_left_of_the_time_out(
    ago: float, jump: float, remaining: int
) -> None:
    async def scenario() -> None:
        held = Held(Outlook(may_pass=True, limit_seconds=LIMIT))
        response = await held.check(ago, jump)
        [header] = response.ok_response.headers
        assert (header.header.key, header.header.value) == (REMAINING_HEADER, str(remaining))

    _run(scenario)


def test_a_request_that_has_waited_for_too_long_is_504_even_if_asked_again() -> None:
    async def scenario() -> None:
        response = await Held(Outlook(limit_seconds=LIMIT)).check(ago=LIMIT + 1)
        assert response.denied_response.status.code == 504

    _run(scenario)


def test_a_request_waits_until_things_stand_otherwise() -> None:
    async def scenario() -> None:
        held = Held(Outlook())
        waiting = await held.wait()
        assert held.demand.held("id") == 1
        held.change(Outlook(denial=Denial(503, "It broke.")))
        response = await waiting
        assert response.denied_response.status.code == 503
        assert response.denied_response.body == "It broke."
        assert held.demand.held("id") == 0

    _run(scenario)


def test_a_request_that_is_given_up_is_held_no_more() -> None:
    async def scenario() -> None:
        held = Held(Outlook())
        waiting = await held.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert held.demand.held("id") == 0
        assert held.demand.totals("id").released == 0

    _run(scenario)


def test_without_hope_requests_get_the_reason_at_once_and_count_as_asked_for() -> None:
    async def scenario() -> None:
        held = Held(Outlook())
        waiting = await held.wait()
        held.change(Outlook(hopeless_because="No node has 9 GPUs."))
        for response in (await waiting, await held.check()):
            assert response.denied_response.status.code == 503
            assert response.denied_response.body == "No node has 9 GPUs."
            assert not response.denied_response.headers
        totals = held.demand.totals("id")
        assert (totals.held, totals.asked, totals.released) == (0, 2, 0)

    _run(scenario)


def test_one_more_than_may_wait_is_told_to_come_again() -> None:
    async def scenario() -> None:
        held = Held(Outlook(held_limit=2))
        first, second = await held.wait(), await held.wait()
        refused = await held.check()
        assert refused.denied_response.status.code == 503
        [header] = refused.denied_response.headers
        assert header.header.key == "retry-after"
        assert 1 <= int(header.header.value) <= 5
        first.cancel()
        await asyncio.sleep(0)
        third = await held.wait()
        held.change(Outlook(may_pass=True))
        assert (await second).HasField("ok_response")
        assert (await third).HasField("ok_response")
        totals = held.demand.totals("id")
        assert (totals.held, totals.asked, totals.released) == (0, 4, 2)

    _run(scenario)


def test_requests_of_all_workloads_share_one_room() -> None:
    async def scenario() -> None:
        held = Held(Outlook(), Room(most_requests=1))
        waiting = await held.wait()
        refused = await held.check()
        assert refused.denied_response.status.code == 503
        assert refused.denied_response.headers[0].header.key == "retry-after"
        assert "1 requests wait already for one workload" in refused.denied_response.body
        waiting.cancel()
        await asyncio.sleep(0)
        await held.wait()

    _run(scenario)


def test_who_need_not_wait_is_not_counted_as_having_asked() -> None:
    async def scenario() -> None:
        held = Held(Outlook(may_pass=True))
        await held.check()
        assert held.demand.totals("id").asked == 0

    _run(scenario)


def test_a_request_to_what_is_not_there_asks_for_no_replica() -> None:
    async def scenario() -> None:
        held = Held(Outlook(denial=Denial(404, "Not here.")))
        await held.check()
        assert held.demand.totals("id").asked == 0

    _run(scenario)
