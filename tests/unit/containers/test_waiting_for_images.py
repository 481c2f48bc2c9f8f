"""Nothing is started before its image is there, and people are told how far it is."""

from dataclasses import replace

from windlass.engines.engine import ImageState, ImageStatus, PinnedImage
from windlass.workloads.images import hold_back, image_events, told_of
from windlass.workloads.lifecycle import Decision
from windlass.workloads.records import Pod, PodState

POD = Pod("p", "w", "r", 0, 0.0, PodState.PLACED, node_name="n")
DECISION = Decision(
    alive=(POD,),
    ended=(),
    start=(POD,),
    endpoints=(),
    starting=(),
    draining=(),
    events=(),
    failure=None,
    crash_loop=None,
    initializing_at=5.0,
    look_again_seconds=100.0,
)
PULLING = ImageStatus(ImageState.PULLING, reason="Pulling", message="pulling web", attempt=1)
PRESENT = ImageStatus(ImageState.PRESENT, PinnedImage("sha256:1"))


def test_a_first_pull_does_not_count_as_initialization() -> None:
    held = hold_back(DECISION, PULLING)
    assert (held.start, held.initializing_at) == ((), None)
    assert (held.look_again_seconds or 100) < 1
    assert hold_back(DECISION, PRESENT) == DECISION


def test_failing_pulls_do_count() -> None:
    failed = ImageStatus(ImageState.FAILED, reason="ImageNotFound", message="no", attempt=1)
    again = replace(PULLING, attempt=2)
    assert hold_back(DECISION, failed).initializing_at == 5.0
    assert hold_back(DECISION, again).initializing_at == 5.0


def test_each_step_is_told_once() -> None:
    told = None
    seen = []
    for progress in (None, 0.1, 0.2, 0.3, 0.6, 0.6, 1.0):
        image = replace(PULLING, progress=progress)
        seen += [progress for _ in image_events(image, told)]
        told = told_of(image) or told
    assert seen == [None, 0.3, 0.6, 1.0]
    pulled = replace(PRESENT, pulled=True, reason="Pulled", message="web is here")
    assert [event.reason for event in image_events(pulled, told)] == ["Pulled"]
    assert not image_events(PRESENT, told), "what was there already needs no word"
