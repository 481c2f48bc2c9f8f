"""Results of probes make readiness by the rules of Kubernetes."""

import pytest

from windlass.kit.supervision.program.readiness import Thresholds


def thresholds(**options: float) -> Thresholds:
    values = {"initial_delay": 0.0, "period": 10.0, "success": 1, "failure": 3, **options}
    return Thresholds(
        started=100.0,
        initial_delay=values["initial_delay"],
        period=values["period"],
        success_threshold=int(values["success"]),
        failure_threshold=int(values["failure"]),
    )


def test_it_begins_unready_and_is_due_after_the_initial_delay() -> None:
    one = thresholds(initial_delay=5)
    assert not one.ready
    assert one.due == 105.0


def test_until_its_first_success_it_is_due_every_50_ms() -> None:
    one = thresholds()
    for _ in range(100):
        one.fail(one.due)
    assert one.due == pytest.approx(105.0)
    assert not one.ready


def test_from_its_first_success_on_it_keeps_its_period() -> None:
    one = thresholds()
    one.succeed(100.0)
    assert one.ready
    assert one.due == 110.0
    one.fail(110.0)
    assert one.due == 120.0


def test_readiness_is_lost_after_as_many_failures_in_a_row_as_the_threshold() -> None:
    one = thresholds(failure=3)
    one.succeed(100.0)
    one.fail(110.0)
    one.fail(120.0)
    one.succeed(130.0)
    one.fail(140.0)
    one.fail(150.0)
    assert one.ready
    one.fail(160.0)
    assert not one.ready


def test_readiness_is_won_after_as_many_successes_in_a_row_as_the_threshold() -> None:
    one = thresholds(success=2)
    one.succeed(100.0)
    assert not one.ready
    one.fail(110.0)
    one.succeed(120.0)
    assert not one.ready
    one.succeed(130.0)
    assert one.ready


def test_what_no_probe_excuses_takes_readiness_at_once() -> None:
    one = thresholds(failure=100)
    one.succeed(100.0)
    one.fail_at_once(101.0)
    assert not one.ready
