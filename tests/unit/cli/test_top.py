"""What `windlass top` shows, whatever there is to show and however wide the terminal."""

import io
from typing import Any

import pytest
from rich.console import Console

from windlass.cli.top import rows_of, view_of
from windlass.client import ApiError, BadAnswer, ClientError, Unreachable
from windlass.client.types import LiveWorkload


def _workload(**changes: Any) -> LiveWorkload:
    made: dict[str, Any] = {
        "id": "1",
        "name": "model",
        "projectId": "1",
        "projectName": "team",
        "phase": "Running",
        "phaseMessage": "",
        "replicas": {"ready": 1, "wanted": 2, "min": 0, "max": 4},
        "requestsPerSecond": 12.34,
        "latencyMilliseconds": None,
        "concurrency": 3.0,
        "inFlight": 3,
        "held": 0,
    }
    return {**made, **changes}  # type: ignore[typeddict-item]


def _shown(workloads: list[LiveWorkload], width: int = 100) -> str:
    file = io.StringIO()
    Console(file=file, width=width, height=10).print(view_of(lambda: workloads))
    return file.getvalue()


def test_a_row_tells_replicas_and_rates_and_what_is_not_known_yet() -> None:
    [row] = rows_of([_workload()])
    assert row == ("model", "team", "Running", "1", "2 (0–4)", "12.3", "—", "3", "0")


def test_without_workloads_it_says_so() -> None:
    assert _shown([]) == "There is no workload.\n"


@pytest.mark.parametrize("width", [1, 20, 60, 200])
def test_it_fits_into_any_width(width: int) -> None:
    lines = _shown([_workload(name="m" * 63)], width).splitlines()
    assert max(len(line) for line in lines) <= width


def test_a_name_is_shown_and_never_obeyed() -> None:
    shown = _shown([_workload(name="[red]a[/]\x1b[2Jb", projectName="équipe :smile:")])
    assert "[red]a[/]\ufffd[2Jb" in shown
    assert "équipe :smile:" in shown


@pytest.mark.parametrize(
    "error",
    [
        Unreachable("Nothing answers."),
        BadAnswer("A proxy answers."),
        ApiError(503, "The store is away."),
    ],
)
def test_what_may_pass_is_shown_and_asked_again(error: ClientError) -> None:
    def look() -> list[LiveWorkload]:
        raise error

    assert str(view_of(look)) == f"{error}\nAsking again."


def test_what_will_not_pass_ends_it() -> None:
    def look() -> list[LiveWorkload]:
        raise ApiError(403, "You may not.")

    with pytest.raises(ApiError, match="You may not"):
        view_of(look)
