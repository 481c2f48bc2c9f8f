"""Times, sizes and amounts as people read them."""

from collections.abc import Mapping, Sequence
from typing import Any

from windlass.kit.timestamps import from_wire

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_BINARY_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def duration(seconds: float) -> str:
    """The two greatest units: `4s`, `3m 20s`, `5h 2m`, `12d 4h`."""
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return _two(whole, _MINUTE, "m", 1, "s")
    if whole < _DAY:
        return _two(whole, _HOUR, "h", _MINUTE, "m")
    return _two(whole, _DAY, "d", _HOUR, "h")


def age(moment: str | None, now: float) -> str:
    """How long ago a time of the wire was; empty when there is none."""
    return duration(now - from_wire(moment)) if moment else ""


def byte_size(count: int) -> str:
    """In the greatest binary unit that keeps the number at 1 or above: `1.5 GiB`."""
    size, unit = float(count), _BINARY_UNITS[0]
    for unit in _BINARY_UNITS:
        if size < 1024 or unit == _BINARY_UNITS[-1]:
            break
        size /= 1024
    return f"{size:.0f} {unit}" if size >= 100 or size == int(size) else f"{size:.1f} {unit}"


def number(value: float) -> str:
    """Without zeros at its end."""
    return f"{value:g}"


def count_of(count: int, noun: str) -> str:
    """`1 replica`, `2 replicas`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def bounds(request: Any, limit: Any) -> str:
    """A request and a limit: `0.5, at most 2`."""
    if request is None and limit is None:
        return ""
    if limit is None or request == limit:
        return _plain(request if limit is None else limit)
    if request is None:
        return f"at most {_plain(limit)}"
    return f"{_plain(request)}, at most {_plain(limit)}"


def compute(fields: Mapping[str, Any]) -> str:
    """What one replica asks for, from the `compute` of a specification."""
    parts: Sequence[tuple[str, str]] = (
        ("GPU", _devices(fields)),
        ("CPU cores", bounds(fields.get("cpuCoreRequest"), fields.get("cpuCoreLimit"))),
        ("memory", bounds(fields.get("cpuMemoryRequest"), fields.get("cpuMemoryLimit"))),
    )
    return "; ".join(f"{name} {value}" for name, value in parts if value)


def _devices(fields: Mapping[str, Any]) -> str:
    devices = fields.get("gpuDevicesRequest") or 0
    if not devices:
        return ""
    kind = fields.get("gpuRequestType")
    if kind == "memory":
        share = bounds(fields.get("gpuMemoryRequest"), fields.get("gpuMemoryLimit"))
        return f"{devices} × {share} of memory"
    portion = fields.get("gpuPortionRequest")
    if kind == "portion" and portion not in (None, 1):
        return f"{devices} × {bounds(portion, fields.get('gpuPortionLimit'))} of a device"
    return str(devices)


def _plain(value: Any) -> str:
    return number(value) if isinstance(value, int | float) else str(value)


def _two(seconds: int, great: int, great_name: str, small: int, small_name: str) -> str:
    rest = seconds % great // small
    leading = f"{seconds // great}{great_name}"
    return f"{leading} {rest}{small_name}" if rest else leading
