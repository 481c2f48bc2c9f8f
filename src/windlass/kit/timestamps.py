"""Points in time: seconds since the epoch inside, ISO 8601 in UTC on the wire."""

from datetime import UTC, datetime


def to_wire(seconds: float) -> str:
    """RFC 3339 with milliseconds, such as `2026-01-31T12:00:00.000Z`."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def optional_to_wire(seconds: float | None) -> str | None:
    """The same, where there may be none."""
    return None if seconds is None else to_wire(seconds)


def from_wire(text: str) -> float:
    """Accept an offset, `Z`, or none at all (then UTC). Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()
