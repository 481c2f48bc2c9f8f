"""Waiting, through restarts of the platform, in time that the test makes."""

import pytest

from tests.unit.cli.workload_store import WorkloadStore
from tests.unit.client.scripted_platform import ScriptedPlatform
from windlass.cli.waiting import Waiting, has_settled
from windlass.client import Client, Credentials, Unreachable
from windlass.client.types import Workload
from windlass.kit.clock import ManualClock


class Recorder:
    """Remembers what it is to show."""

    def __init__(self) -> None:
        self.phases: list[str] = []
        self.silences = 0

    def show(self, workload: Workload) -> None:
        self.phases.append(workload["phase"])

    def silence(self, _seconds: float) -> None:
        self.silences += 1


@pytest.fixture
def store(platform: ScriptedPlatform) -> WorkloadStore:
    store = WorkloadStore()
    platform.handler = store
    return store


def test_ends_at_the_phase_waited_for(platform: ScriptedPlatform, store: WorkloadStore) -> None:
    workload = store.add("a", phase="Creating")
    recorder, clock = Recorder(), ManualClock()

    def pause(seconds: float) -> None:
        clock.advance(seconds)
        if clock.monotonic() > 10:
            workload["phase"] = "Running"

    with Client(platform.url, Credentials("i", "s")) as client:
        waiting = Waiting(client, recorder, clock=clock, pause=pause)
        outcome = waiting.until([workload["id"]], has_settled)
    assert outcome.in_time
    assert recorder.phases[0] == "Creating"
    assert recorder.phases[-1] == "Running"


def test_ends_when_the_time_is_over(platform: ScriptedPlatform, store: WorkloadStore) -> None:
    running, pending = store.add("a"), store.add("b", phase="Pending")
    clock = ManualClock()
    with Client(platform.url, Credentials("i", "s")) as client:
        waiting = Waiting(client, Recorder(), 30, clock, clock.advance)
        outcome = waiting.until([running["id"], pending["id"]], has_settled)
    assert not outcome.in_time
    assert set(outcome.ends) == {running["id"]}
    assert 30 <= clock.monotonic() <= 32


def test_asks_again_while_the_platform_restarts(
    platform: ScriptedPlatform, store: WorkloadStore
) -> None:
    workload = store.add("a")
    recorder, clock = Recorder(), ManualClock()
    client = Client("http://127.0.0.1:1", Credentials("i", "s"))

    class RestartingClient:
        def workload(self, workload_id: str) -> Workload:
            if clock.monotonic() < 20:
                return client.workload(workload_id)
            with Client(platform.url, Credentials("i", "s")) as restarted:
                return restarted.workload(workload_id)

    waiting = Waiting(RestartingClient(), recorder, clock=clock, pause=clock.advance)
    outcome = waiting.until([workload["id"]], has_settled)
    client.close()
    assert outcome.in_time
    assert recorder.silences > 0
    assert recorder.phases == ["Running"]


def test_gives_up_after_a_minute_without_an_answer() -> None:
    recorder, clock = Recorder(), ManualClock()
    with Client("http://127.0.0.1:1", Credentials("i", "s")) as client:
        waiting = Waiting(client, recorder, clock=clock, pause=clock.advance)
        with pytest.raises(Unreachable):
            waiting.until(["some-id"], has_settled)
    assert 60 <= clock.monotonic() <= 62
