"""What an engine's description of a container says of how it is and how it ended."""

import signal
from typing import Any

_NEVER_STARTED = "0001-01-01"
_SIGNALLED = 128


def has_started(described: dict[str, Any]) -> bool:
    """Whether it runs, or has ended."""
    started_at: str = described["State"]["StartedAt"]
    return not started_at.startswith(_NEVER_STARTED)


def runs(described: dict[str, Any]) -> bool:
    """Whether it has yet to end."""
    state = described["State"]
    return bool(state.get("Running") or state.get("Paused") or state.get("Restarting"))


def stop_signal(described: dict[str, Any]) -> int:
    """The signal that its image names to end it, by name or number, as engines write either."""
    text = str(described["Config"].get("StopSignal") or "")
    if text.isdigit():
        return int(text) or signal.SIGTERM
    full = text if text.startswith("SIG") else f"SIG{text}"
    return getattr(signal, full, signal.SIGTERM)


def end_of(described: dict[str, Any] | None, killed_for_memory: bool) -> dict[str, object]:
    """How it ended; `described` is None where its engine has no trace of it.

    `killed_for_memory`: by the kernel's count. The engine's own flag can be false where memory ran
    out; it is never true without.
    """
    if described is None:
        message = "its container ended, and its engine does not know how"
        return {"message": message, "out_of_memory": killed_for_memory}
    state = described["State"]
    code = int(state.get("ExitCode") or 0)
    number = _signal_of(code)
    out_of_memory = (killed_for_memory or bool(state.get("OOMKilled"))) and code != 0
    if out_of_memory:
        message = "it used more memory than its limit and was killed"
    elif number is not None:
        message = f"it exited with code {code}, as by signal {number.value} ({number.name})"
    else:
        message = f"it exited with code {code}"
    return {
        "message": message,
        "code": code,
        "signal": number.value if number is not None else None,
        "out_of_memory": out_of_memory,
    }


def _signal_of(code: int) -> signal.Signals | None:
    """The signal that an exit code stands for, as shells and container engines put it."""
    try:
        return signal.Signals(code - _SIGNALLED) if code > _SIGNALLED else None
    except ValueError:
        return None
