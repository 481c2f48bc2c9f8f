"""How often somebody may try to sign in."""

import pytest

from windlass.identity.throttle import (
    ACCOUNT_ATTEMPTS,
    ACCOUNT_REFILL_SECONDS,
    ADDRESS_ATTEMPTS,
    ADDRESS_REFILL_SECONDS,
    FORGET_SECONDS,
    FREE_ATTEMPTS,
    KNOWN_PACE_SECONDS,
    KNOWN_PATIENCE_SECONDS,
    LONGEST_WAIT_SECONDS,
    AddressLimit,
    SignInThrottle,
    whole_seconds,
)
from windlass.kit.clock import ManualClock
from windlass.kit.errors import TooManyRequests


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def throttle(clock: ManualClock) -> SignInThrottle:
    return SignInThrottle(clock)


def fail(throttle: SignInThrottle, account: str, address: str, times: int = 1) -> None:
    for _ in range(times):
        assert throttle.admit(account, address).refused_seconds == 0


def test_each_wrong_attempt_doubles_the_wait_to_a_minute(
    throttle: SignInThrottle, clock: ManualClock
) -> None:
    fail(throttle, "a", "1", FREE_ATTEMPTS)
    waits = []
    for _ in range(10):
        wait = throttle.admit("a", "1").refused_seconds
        waits.append(wait)
        clock.advance(wait)
        fail(throttle, "a", "1")
    assert waits[:6] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
    assert set(waits[6:]) == {LONGEST_WAIT_SECONDS}


def test_a_refused_attempt_makes_no_wait_longer(
    throttle: SignInThrottle, clock: ManualClock
) -> None:
    fail(throttle, "a", "1", FREE_ATTEMPTS)
    for _ in range(100):
        assert throttle.admit("a", "1").refused_seconds == 1.0
    clock.advance(1.0)
    fail(throttle, "a", "1")


def test_wrong_attempts_are_forgotten(throttle: SignInThrottle, clock: ManualClock) -> None:
    fail(throttle, "a", "1", FREE_ATTEMPTS)
    clock.advance(FORGET_SECONDS + 1)
    fail(throttle, "a", "1", FREE_ATTEMPTS)


def test_many_at_once_are_not_all_admitted(throttle: SignInThrottle) -> None:
    admitted = [throttle.admit("a", "1").refused_seconds == 0 for _ in range(50)]
    assert sum(admitted) == FREE_ATTEMPTS


def test_guessing_an_account_from_many_places_slows_down(
    throttle: SignInThrottle, clock: ManualClock
) -> None:
    for number in range(ACCOUNT_ATTEMPTS):
        fail(throttle, "a", f"address-{number}")
    assert throttle.admit("a", "another").refused_seconds == ACCOUNT_REFILL_SECONDS
    clock.advance(ACCOUNT_REFILL_SECONDS)
    fail(throttle, "a", "another")
    assert throttle.admit("b", "elsewhere").refused_seconds == 0, "other accounts go on"


def test_guessing_many_accounts_from_one_place_slows_down(
    throttle: SignInThrottle, clock: ManualClock
) -> None:
    for number in range(ADDRESS_ATTEMPTS):
        fail(throttle, f"account-{number}", "1")
    assert throttle.admit("another", "1").refused_seconds == ADDRESS_REFILL_SECONDS
    assert throttle.admit("another", "2").refused_seconds == 0, "other places go on"
    clock.advance(ADDRESS_REFILL_SECONDS)
    fail(throttle, "yet another", "1")


def test_an_owner_gets_in_where_they_did_before_whatever_others_do(
    throttle: SignInThrottle,
) -> None:
    fail(throttle, "owner", "home")
    throttle.succeeded("owner", "home")
    for number in range(2 * ACCOUNT_ATTEMPTS):
        throttle.admit("owner", f"address-{number}")
    for number in range(2 * ADDRESS_ATTEMPTS):
        throttle.admit(f"account-{number}", "home")
    assert throttle.admit("owner", "away").refused_seconds > 0
    admitted = throttle.admit("owner", "home")
    assert admitted.refused_seconds == 0
    assert admitted.known


def test_where_an_account_is_known_guessing_keeps_a_steady_pace(
    throttle: SignInThrottle, clock: ManualClock
) -> None:
    throttle.succeeded("owner", "home")
    admissions = [throttle.admit("owner", "home") for _ in range(200)]
    admitted = [each.wait_seconds for each in admissions if each.refused_seconds == 0]
    assert len(admitted) == KNOWN_PATIENCE_SECONDS / KNOWN_PACE_SECONDS + 1
    assert max(admitted) == KNOWN_PATIENCE_SECONDS
    clock.advance(max(each.refused_seconds for each in admissions))
    assert throttle.admit("owner", "home").refused_seconds == 0, "and is never shut out for long"


def test_right_attempts_cost_nothing(throttle: SignInThrottle) -> None:
    for number in range(10 * ADDRESS_ATTEMPTS):
        fail(throttle, f"account-{number}", "office")
        throttle.succeeded(f"account-{number}", "office")


def test_strangers_begin_only_so_many_sign_ins(clock: ManualClock) -> None:
    limit = AddressLimit(clock, at_once=3, refill_seconds=10.0)
    for _ in range(3):
        limit.require("here")
    with pytest.raises(TooManyRequests) as refused:
        limit.require("here")
    assert refused.value.headers["Retry-After"] == "10"
    limit.require("elsewhere")
    clock.advance(10.0)
    limit.require("here")


@pytest.mark.parametrize(("seconds", "told"), [(0.01, 1), (1.0, 1), (1.2, 2)])
def test_a_client_is_told_whole_seconds(seconds: float, told: int) -> None:
    assert whole_seconds(seconds) == told
