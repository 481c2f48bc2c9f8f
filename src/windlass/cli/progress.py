"""Phases as they pass: a line for each, and below them, on a terminal, what happens now."""

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

from windlass.cli.output import console, printable, styled
from windlass.cli.waiting import has_settled
from windlass.client.types import Workload
from windlass.kit.clock import Clock, SystemClock

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live
    from rich.spinner import Spinner

_REFRESHES_A_SECOND = 12


class Progress:
    """Shows workloads on standard output, for as long as the `with` lasts."""

    def __init__(self, *, quiet: bool = False, clock: Clock | None = None) -> None:
        self._quiet = quiet
        self._clock = clock or SystemClock()
        self._started = self._clock.monotonic()
        self._shown: dict[str, tuple[str | None, ...]] = {}
        self._current: dict[str, Workload] = {}
        self._silent_for: float | None = None
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

    def show(self, workload: Workload) -> None:
        """The workload as it is now."""
        if self._quiet:
            return
        self._silent_for = None
        self._current[workload["id"]] = workload
        phase, reason = workload["phase"], workload.get("phaseReason")
        state: tuple[str | None, ...] = (phase, reason)
        if self._live is None:
            state = (*state, workload.get("phaseMessage"))
        if self._shown.get(workload["id"]) != state:
            self._shown[workload["id"]] = state
            self._print_line(workload)

    def silence(self, seconds: float) -> None:
        """The platform has not answered for so long."""
        if self._silent_for is None and self._live is None and not self._quiet:
            print("  the platform does not answer; asking again", flush=True)
        self._silent_for = seconds

    def _elapsed(self) -> float:
        return self._clock.monotonic() - self._started

    def _print_line(self, workload: Workload) -> None:
        from rich.text import Text

        line = Text.assemble(
            (f"{self._elapsed():7.1f} s  ", "dim"),
            f"{workload['name']}  ",
            styled(workload["phase"]),
        )
        explanation = _explanation(workload)
        if explanation:
            line.append(f"  {explanation}")
        if self._live is not None:
            self._live.console.print(line)
        else:
            print(line.plain, flush=True)

    def _render(self) -> "RenderableType":
        from rich.console import Group

        if self._silent_for is not None:
            return self._spinning("", "the platform does not answer; asking again")
        moving = [each for each in tuple(self._current.values()) if not has_settled(each)]
        return Group(*(self._spinning(each["id"], self._now(each)) for each in moving))

    def _spinning(self, key: str, text: str) -> "Spinner":
        """The text behind a spinner, which goes on turning from one rendering to the next."""
        from rich.spinner import Spinner
        from rich.text import Text

        spinner = self._spinners.setdefault(key, Spinner("dots"))
        spinner.update(text=Text(text))
        return spinner

    def _now(self, workload: Workload) -> str:
        ready, wanted = replicas(workload)
        message = workload.get("phaseMessage") or f"{ready} of {wanted} replicas are ready."
        elapsed = f"{self._elapsed():.1f} s"
        return "  ".join([workload["name"], workload["phase"], elapsed, printable(message)])


def replicas(workload: Workload) -> tuple[int, int]:
    """How many replicas are ready, and how many are wanted."""
    wanted = (workload.get("requestedPods") or {}).get("number")
    return workload["runningPods"], wanted or 0


def _explanation(workload: Workload) -> str:
    reason, message = workload.get("phaseReason"), workload.get("phaseMessage")
    return printable(": ".join(part for part in (reason, message) if part))
