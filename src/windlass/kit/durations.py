"""Lengths of time as text, such as `5d8h40m`: numbers, each with its unit, as the published
schema of `minGuaranteedRuntime` has them (Go's durations, with days and weeks)."""

import re
from decimal import Decimal

LONGEST_SECONDS = 10 * 365 * 86400.0

_UNITS = {
    "ns": Decimal("1e-9"),
    "us": Decimal("1e-6"),
    "µs": Decimal("1e-6"),
    "μs": Decimal("1e-6"),
    "ms": Decimal("1e-3"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
    "d": Decimal(86400),
    "w": Decimal(604800),
}
_PART = re.compile(rf"([0-9]{{1,15}}(?:\.[0-9]{{1,9}})?)({'|'.join(_UNITS)})")


class InvalidDuration(ValueError):
    """The text is no length of time; the message completes a sentence about it."""


def parse_duration(text: str) -> float:
    """The seconds that the text means; `0` needs no unit. Raises InvalidDuration."""
    rest = text.removeprefix("+")
    if rest == "0":
        return 0.0
    total, end = Decimal(0), 0
    for part in _PART.finditer(rest):
        if part.start() != end:
            break
        total += Decimal(part[1]) * _UNITS[part[2]]
        end = part.end()
    if not rest or end != len(rest):
        raise InvalidDuration("is not a length of time; write for example 5d8h40m")
    if total > LONGEST_SECONDS:
        raise InvalidDuration("is longer than ten years")
    return float(total)
