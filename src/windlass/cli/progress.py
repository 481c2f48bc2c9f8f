"""Phases as they pass: a line for each, and below them, on a terminal, what happens now."""

import sys
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from windlass.cli.output import console, printable, styled
from windlass.cli.waiting import SETTLED_PHASES
from windlass.client.types import Inference, Workload
from windlass.kit.clock import Clock, SystemClock

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live
    from rich.spinner import Spinner

_REFRESHES_A_SECOND = 12
_SPINNER_WIDTH = 2


@dataclass(frozen=True, slots=True)
class _Sight:
    """What is shown of a workload."""

    name: str
    phase: str
    reason: str = ""
    message: str = ""
    progress: str = ""
    """How far it is, where it says nothing itself."""


class Progress:
    """Shows workloads on standard output, for as long as the `with` lasts."""

    def __init__(self, *, quiet: bool = False, clock: Clock | None = None) -> None:
        self._quiet = quiet
        self._clock = clock or SystemClock()
        self._started = self._clock.monotonic()
        self._current: dict[str, _Sight] = {}
        self._silent = False
        self._live: Live | None = None
        self._spinners: dict[str, Spinner] = {}

    def __enter__(self) -> Self:
        if sys.stdout.isatty() and not self._quiet:
            from rich.live import Live

            self._live = Live(
                console=console(),
                refresh_per_second=_REFRESHES_A_SECOND,
                transient=True,
                get_renderable=self._render,
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._current.clear()
            self._live.stop()

    def begin(self, inference: Inference) -> None:
        """A workload as the answer to its creation has it, before it is looked at."""
        sight = _Sight(inference["name"], inference["actualPhase"])
        self._show(inference["workloadId"], sight)

    def show(self, workload: Workload) -> None:
        """The workload as it is now."""
        ready, wanted = replicas(workload)
        sight = _Sight(
            workload["name"],
            workload["phase"],
            workload.get("phaseReason") or "",
            printable(workload.get("phaseMessage") or ""),
            f"{ready} of {wanted} replicas are ready.",
        )
        self._show(workload["id"], sight)

    def silence(self, _seconds: float) -> None:
        """The platform does not answer."""
        if not self._silent and self._live is None and not self._quiet:
            print("  the platform does not answer; asking again", flush=True)
        self._silent = True

    def _show(self, workload_id: str, sight: _Sight) -> None:
        self._silent = False
        before = self._current.get(workload_id)
        self._current[workload_id] = sight
        if not self._quiet and (before is None or self._differs(before, sight)):
            self._print_line(sight)

    def _differs(self, before: _Sight, sight: _Sight) -> bool:
        """Whether it is worth a line; where there is no other place, a new message is, too."""
        if (before.phase, before.reason) != (sight.phase, sight.reason):
            return True
        return self._live is None and before.message != sight.message

    def _print_line(self, sight: _Sight) -> None:
        from rich.text import Text

        line = Text.assemble(
            (f"{self._elapsed():7.1f} s  ", "dim"), f"{sight.name}  ", styled(sight.phase)
        )
        explanation = ": ".join(part for part in (sight.reason, sight.message) if part)
        if explanation:
            line.append(f"  {explanation}")
        if self._live is not None:
            self._live.console.print(line)
        else:
            print(line.plain, flush=True)

    def _elapsed(self) -> float:
        return self._clock.monotonic() - self._started

    def _render(self) -> "RenderableType":
        from rich.console import Group

        width = self._live.console.width if self._live is not None else 0
        if self._silent:
            return self._spinning("", "the platform does not answer; asking again", width)
        moving = [
            self._spinning(workload_id, self._now(sight), width)
            for workload_id, sight in tuple(self._current.items())
            if sight.phase not in SETTLED_PHASES
        ]
        return Group(*moving)

    def _spinning(self, key: str, words: str, width: int) -> "Spinner":
        """One line behind a spinner, which goes on turning from one rendering to the next."""
        from rich.spinner import Spinner
        from rich.text import Text

        text = Text(words)
        text.truncate(width - _SPINNER_WIDTH, overflow="ellipsis")
        spinner = self._spinners.setdefault(key, Spinner("dots"))
        spinner.update(text=text)
        return spinner

    def _now(self, sight: _Sight) -> str:
        elapsed = f"{self._elapsed():.1f} s"
        return "  ".join([sight.name, sight.phase, elapsed, sight.message or sight.progress])


def replicas(workload: Workload) -> tuple[int, int]:
    """How many replicas are ready, and how many are wanted."""
    wanted = (workload.get("requestedPods") or {}).get("number")
    return workload["runningPods"], wanted or 0
