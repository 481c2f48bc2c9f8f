"""Requests that wait are counted, and watchers hear of them."""

import asyncio
from contextlib import ExitStack

from windlass.gateway.gate.demand import TELLING_SECONDS, Demand
from windlass.kit.clock import ManualClock


def test_what_requests_have_waited_is_summed_to_the_moment() -> None:
    clock = ManualClock()
    demand = Demand(clock)
    with ExitStack() as first:
        first.enter_context(demand.waiting("id", without_endpoint=True))
        clock.advance(2)
        with demand.waiting("id", without_endpoint=True):
            clock.advance(3)
            totals = demand.totals("id")
            assert (totals.held, totals.held_seconds, totals.asked) == (2, 8.0, 2)
        clock.advance(1)
    clock.advance(100)
    totals = demand.totals("id")
    assert (totals.held, totals.held_seconds, totals.released) == (0, 9.0, 2)


def test_a_removed_workload_is_forgotten_once_nobody_waits() -> None:
    demand = Demand(ManualClock())
    demand.refused("kept")
    with demand.waiting("gone", without_endpoint=True):
        demand.forget_all_but({"kept"})
        assert demand.totals("gone").asked == 1
    demand.forget_all_but({"kept"})
    assert demand.totals("gone").asked == 0
    assert demand.totals("kept").asked == 1


def test_a_watcher_hears_first_who_waits_and_then_who_comes() -> None:
    async def scenario() -> None:
        demand = Demand(ManualClock())
        with demand.waiting("there", without_endpoint=True):
            watching = demand.watch()
            assert await anext(watching) == "there"
            following = asyncio.ensure_future(anext(watching))
            await asyncio.sleep(0)
            with demand.waiting("slot", without_endpoint=False):
                demand.refused("refused")
            assert await asyncio.wait_for(following, 5) == "refused"

    asyncio.run(scenario())


def test_a_flood_is_told_once_in_a_while() -> None:
    async def scenario() -> None:
        clock = ManualClock()
        demand = Demand(clock)
        demand.refused("before")
        watching = demand.watch()
        following = asyncio.ensure_future(anext(watching))
        await asyncio.sleep(0)
        for _ in range(1000):
            demand.refused("flood")
        assert await asyncio.wait_for(following, 5) == "flood"
        following = asyncio.ensure_future(anext(watching))
        await asyncio.sleep(0)
        clock.advance(TELLING_SECONDS)
        demand.refused("flood")
        assert await asyncio.wait_for(following, 5) == "flood"

    asyncio.run(scenario())


def test_the_first_that_waits_is_told_at_once_though_others_have_just_been_refused() -> None:
    async def scenario() -> None:
        demand = Demand(ManualClock())
        watching = demand.watch()

        async def told() -> "asyncio.Future[str]":
            following = asyncio.ensure_future(anext(watching))
            await asyncio.sleep(0)
            return following

        following = await told()
        demand.refused("id")
        assert await asyncio.wait_for(following, 5) == "id"
        following = await told()
        with demand.waiting("id", without_endpoint=True):
            assert await asyncio.wait_for(following, 5) == "id"

    asyncio.run(scenario())
