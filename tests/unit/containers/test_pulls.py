"""Images are pulled once for all who wait, and again, later and later, where that fails."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.platforms import eventually
from tests.unit.containers.scripted_engine import Answer, scripted_engine
from windlass.engines.local.containers.container_engine import ContainerEngine
from windlass.engines.local.containers.pull_failures import PullFailure, explain
from windlass.engines.local.containers.pulls import Pull, Pulls, retry_seconds

IMAGE = "registry.example.com/web:1"


def lines(*each: dict[str, object]) -> Answer:
    return 200, [json.dumps(line).encode() + b"\n" for line in each]


def pulling(answer: Callable[[], Answer]) -> Callable[[str, str], Answer | None]:
    return lambda _method, path: answer() if path.startswith("/images/create") else None


def pulls_of(socket: Path, clock: Callable[[], float] = lambda: 0.0) -> Pulls:
    return Pulls(
        ContainerEngine([socket], socket.with_suffix(".json")), None, lambda _image: None, clock
    )


def done(pull: Pull) -> Pull:
    eventually(lambda: not pull.running, "the end of the pull")
    return pull


def test_all_who_wait_share_one_pull(tmp_path: Path) -> None:
    go_on = threading.Event()

    def answer() -> Answer:
        go_on.wait()
        return lines({"status": "Pull complete", "id": "a"})

    with scripted_engine(tmp_path / "s", pulling(answer)) as asked:
        pulls = pulls_of(tmp_path / "s")
        first, second = (pulls.join(IMAGE, waiter) for waiter in ("first", "second"))
        assert first is second
        go_on.set()
        assert done(first).succeeded
        for waiter in ("first", "second"):
            assert pulls.join(IMAGE, waiter) is first, "each hears of it"
        assert pulls.join(IMAGE, "later") is not first, "who asks later wants it anew"
        eventually(lambda: sum("/images/create" in each for each in asked) == 2, "two pulls")
        assert asked.count("POST /images/create?fromImage=registry.example.com%2Fweb&tag=1") == 2


def test_an_image_that_is_there_before_its_pull_ends_was_pulled(tmp_path: Path) -> None:
    go_on = threading.Event()

    def answer() -> Answer:
        go_on.wait()
        return lines({"status": "Pull complete", "id": "a"})

    with scripted_engine(tmp_path / "s", pulling(answer)):
        pulls = pulls_of(tmp_path / "s")
        pull = pulls.join(IMAGE, "first")
        assert not pulls.collect(IMAGE, "another")
        assert pulls.collect(IMAGE, "first")
        assert not pulls.collect(IMAGE, "first"), "told once"
        go_on.set()
        assert done(pull).succeeded


def test_a_failure_is_tried_again_when_its_time_has_come(tmp_path: Path) -> None:
    now = [100.0]
    failing = lines({"error": "manifest unknown", "errorDetail": {}})
    with scripted_engine(tmp_path / "s", pulling(lambda: failing)) as asked:
        pulls = pulls_of(tmp_path / "s", lambda: now[0])
        pull = done(pulls.join(IMAGE, "one"))
        assert pull.failure is not None
        assert pull.failure.kind is PullFailure.NOT_FOUND
        pulls.join(IMAGE, "one")
        assert pull.attempts == 1
        now[0] += retry_seconds(1)
        done(pulls.join(IMAGE, "one"))
        assert pull.attempts == 2
    assert sum("/images/create" in each for each in asked) == 2
    assert [retry_seconds(attempt) for attempt in (1, 2, 3, 50)] == [2.0, 4.0, 8.0, 60.0]


def test_progress_counts_layers_and_bytes(tmp_path: Path) -> None:
    half = {"current": 50_000_000, "total": 100_000_000}
    told = lines(
        {"status": "Pulling from team/web", "id": "1"},
        {"status": "Pulling fs layer", "id": "a"},
        {"status": "Pulling fs layer", "id": "b"},
        {"status": "Downloading", "id": "a", "progressDetail": half},
        {"status": "Already exists", "id": "b"},
    )
    with scripted_engine(tmp_path / "s", pulling(lambda: told)):
        progress = done(pulls_of(tmp_path / "s").join(IMAGE, "one")).progress
    assert progress.described() == "1 of 2 layers, 50.0 of 100 MB (50%)"
    assert progress.fraction == 0.5


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("manifest for nginx:9 not found: manifest unknown: manifest unknown", "ImageNotFound"),
        (
            "reading manifest 1 in 127.0.0.1:1/a: unauthorized: authentication required",
            "RegistryUnauthorized",
        ),
        (
            "pull access denied for web, repository does not exist or may require 'docker login': "
            "denied: requested access to the resource is denied",
            "RegistryUnauthorized",
        ),
        ("dial tcp 127.0.0.1:1: connect: connection refused", "RegistryUnreachable"),
        ("lookup r.example.com: no such host", "RegistryUnreachable"),
        (
            "writing blob: adding layer with blob: write /x: no space left on device",
            "DiskFull",
        ),
        ("something else went wrong", "ErrImagePull"),
    ],
)
def test_failures_are_told_apart(error: str, kind: str) -> None:
    explained = explain(IMAGE, error)
    assert explained.kind == kind
    assert error in explained.message
