"""When a held request may go on, and what it is told where it may not."""

import asyncio

import pytest
from envoy.service.auth.v3 import external_auth_pb2

from windlass.gateway.gate.discovery import ENDPOINTS, Discovery, ResourceKey
from windlass.gateway.gate.holds import REMAINING_HEADER, Denial, Holds, Outlook
from windlass.gateway.names import WORKLOAD
from windlass.kit.clock import ManualClock

LIMIT = 60.0


def _request(clock: ManualClock, ago: float = 0.0) -> external_auth_pb2.CheckRequest:
    request = external_auth_pb2.CheckRequest()
    request.attributes.context_extensions[WORKLOAD] = "id"
    request.attributes.request.time.FromNanoseconds(int((clock.now() - ago) * 1e9))
    return request


@pytest.mark.parametrize(
    ("ago", "jump", "remaining"), [(0.0, 0.0, 60_000), (15.0, 0.0, 45_000), (0.0, -500.0, 60_000)]
)
def test_who_may_pass_gets_what_is_left_of_the_time_out(
    ago: float, jump: float, remaining: int
) -> None:
    clock = ManualClock()
    holds = Holds(Discovery(), lambda _: Outlook(may_pass=True, limit_seconds=LIMIT), clock)
    request = _request(clock, ago)
    clock.jump(jump)
    response = asyncio.run(holds.check(request))
    [header] = response.ok_response.headers
    assert (header.header.key, header.header.value) == (REMAINING_HEADER, str(remaining))


def test_a_request_that_has_waited_for_too_long_is_504_even_if_asked_again() -> None:
    clock = ManualClock()
    holds = Holds(Discovery(), lambda _: Outlook(limit_seconds=LIMIT), clock)
    response = asyncio.run(holds.check(_request(clock, ago=LIMIT + 1)))
    assert response.denied_response.status.code == 504


def test_a_request_waits_until_things_stand_otherwise() -> None:
    async def scenario() -> None:
        clock, discovery = ManualClock(), Discovery()
        outlooks = [Outlook(), Outlook(denial=Denial(503, "It broke."))]
        holds = Holds(discovery, lambda _: outlooks[0], clock)
        waiting = asyncio.create_task(holds.check(_request(clock)))
        await asyncio.sleep(0)
        assert holds.held == {"id": 1}
        outlooks.pop(0)
        discovery.look_again(ResourceKey(ENDPOINTS, "id"))
        response = await asyncio.wait_for(waiting, 5)
        assert response.denied_response.status.code == 503
        assert response.denied_response.body == "It broke."
        assert holds.held == {}

    asyncio.run(scenario())


def test_a_request_that_is_given_up_is_held_no_more() -> None:
    async def scenario() -> None:
        clock = ManualClock()
        holds = Holds(Discovery(), lambda _: Outlook(), clock)
        waiting = asyncio.create_task(holds.check(_request(clock)))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert holds.held == {}

    asyncio.run(scenario())
