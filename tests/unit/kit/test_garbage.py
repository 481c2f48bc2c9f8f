"""The collector of reference cycles is paused for as long as asked, and no longer."""

import gc

import pytest

from windlass.kit.garbage import collector_paused, made_to_stay


def fail_while_paused() -> None:
    with collector_paused():
        assert not gc.isenabled()
        raise LookupError


def test_the_collector_runs_again_afterwards_even_if_the_work_fails() -> None:
    with pytest.raises(LookupError):
        fail_while_paused()
    assert gc.isenabled()


def test_a_pause_within_a_pause_does_not_end_it() -> None:
    with collector_paused():
        with collector_paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with collector_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_is_made_to_stay_is_not_walked_over_again() -> None:
    before = gc.get_freeze_count()
    try:
        with made_to_stay():
            assert not gc.isenabled()
            made: list[list[int]] = [[] for _ in range(1000)]
        assert gc.isenabled()
        assert gc.get_freeze_count() >= before + len(made)
    finally:
        gc.unfreeze()
