"""Inner listeners go once nobody's route leads there and nothing has passed for a while."""

import pytest

from windlass.gateway.gate.discovery import CLUSTER, LISTENER, Discovery, ResourceKey
from windlass.gateway.gate.inner_listeners import (
    QUIET_SECONDS,
    USUAL_LIMIT_SECONDS,
    InnerListeners,
)
from windlass.gateway.gate.statistics import Passing
from windlass.kit.clock import ManualClock

NAME = "inner-7000"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def discovery() -> Discovery:
    return Discovery()


@pytest.fixture
def listeners(discovery: Discovery, clock: ManualClock) -> InnerListeners:
    made = InnerListeners(discovery, clock)
    made.publish(USUAL_LIMIT_SECONDS)
    made.use("w", 7.0)
    made.settle("w", 7.0)
    return made


def there(discovery: Discovery) -> bool:
    keys = [ResourceKey(LISTENER, NAME)]
    keys += [ResourceKey(CLUSTER, name) for name in (NAME, f"{NAME}-as-client")]
    found = {discovery.get(key) is not None for key in keys}
    assert len(found) == 1, "all or nothing"
    return found.pop()


def look(listeners: InnerListeners, total: int = 0, active: int = 0, held: int = 0) -> None:
    passing = {NAME: Passing(active=active, total=total)}
    listeners.look(passing, {"w": held}.__getitem__)


def wait(listeners: InnerListeners, clock: ManualClock, seconds: float, total: int = 0) -> None:
    """Look, wait, and look again."""
    look(listeners, total)
    clock.advance(seconds)
    look(listeners, total)


def test_one_that_a_route_leads_to_stays(
    listeners: InnerListeners, discovery: Discovery, clock: ManualClock
) -> None:
    wait(listeners, clock, 10 * QUIET_SECONDS)
    assert there(discovery)
    # A change that Envoy has yet to acknowledge.
    listeners.use("w", 9.0)
    wait(listeners, clock, 10 * QUIET_SECONDS)
    assert there(discovery)


def test_one_that_no_route_leads_to_goes_after_a_while(
    listeners: InnerListeners, discovery: Discovery, clock: ManualClock
) -> None:
    listeners.use("w", 9.0)
    listeners.settle("w", 9.0)
    assert listeners.unused == [NAME]
    wait(listeners, clock, QUIET_SECONDS - 0.1)
    assert there(discovery)
    wait(listeners, clock, 0.1)
    assert not there(discovery)
    assert listeners.unused == []
    listeners.use("w", 7.0)
    assert there(discovery)


@pytest.mark.parametrize("busy", [{"active": 1}, {"total": 1}, {"held": 1}])
def test_whatever_may_be_on_its_way_keeps_it(
    listeners: InnerListeners, discovery: Discovery, clock: ManualClock, busy: dict[str, int]
) -> None:
    listeners.settle("w", None)
    wait(listeners, clock, QUIET_SECONDS - 0.1)
    look(listeners, **busy)
    total = busy.get("total", 0)
    wait(listeners, clock, QUIET_SECONDS - 0.1, total)
    assert there(discovery)
    wait(listeners, clock, 0.1, total)
    assert not there(discovery)


def test_one_in_use_again_stays(
    listeners: InnerListeners, discovery: Discovery, clock: ManualClock
) -> None:
    listeners.settle("w", None)
    look(listeners)
    clock.advance(QUIET_SECONDS)
    listeners.use("other", 7.0)
    look(listeners)
    assert there(discovery)


def test_the_usual_one_stays(
    listeners: InnerListeners, discovery: Discovery, clock: ManualClock
) -> None:
    wait(listeners, clock, 10 * QUIET_SECONDS)
    assert discovery.get(ResourceKey(LISTENER, "inner-300000")) is not None


@pytest.mark.parametrize(
    "key",
    [ResourceKey(LISTENER, "inner-8500"), ResourceKey(CLUSTER, "inner-8500-as-client")],
)
def test_what_an_envoy_has_from_before_is_kept_until_it_is_quiet(
    listeners: InnerListeners, discovery: Discovery, clock: ManualClock, key: ResourceKey
) -> None:
    for other in ("gateway", "again", "inner-x", "w|8000"):
        listeners.adopt(ResourceKey(key.type_url, other))
    listeners.adopt(key)
    assert listeners.unused == ["inner-8500"]
    assert discovery.get(key) is not None
    wait(listeners, clock, QUIET_SECONDS)
    assert discovery.get(key) is None
