"""Errors that callers of the API see, each with its HTTP status.

The body is `{code, message, details?}` with `code` equal to the status, in every API that we speak.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class ApiError(Exception):
    """An answer other than success, meant for the caller."""

    status = 500
    headers: Mapping[str, str] = {}

    def __init__(self, message: str, details: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def body(self) -> dict[str, object]:
        """The body on the wire."""
        body: dict[str, object] = {
            "code": self.status,
            "message": _shortened(self.message, _LONGEST_MESSAGE),
        }
        if self.details is not None:
            body["details"] = _shortened(self.details, _LONGEST_DETAILS)
        return body


def _shortened(text: str, most: int) -> str:
    # What a caller sends comes back in messages, and need not come back whole.
    return text if len(text) <= most else f"{text[:most]}…"


_LONGEST_MESSAGE = 4000
_LONGEST_DETAILS = 40_000


class BadRequest(ApiError):
    """The request itself is wrong."""

    status = 400


class Unauthorized(ApiError):
    """The caller is not known."""

    status = 401
    headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"}


class Forbidden(ApiError):
    """The caller is known and may not."""

    status = 403


class NotFound(ApiError):
    """There is no such thing, or none that the caller may know of."""

    status = 404


class Conflict(ApiError):
    """What exists stands in the way."""

    status = 409


class PreconditionFailed(ApiError):
    """Something else must be done first."""

    status = 412


class PayloadTooLarge(ApiError):
    """The body is larger than any sound one."""

    status = 413


class TooManyRequests(ApiError):
    """The caller must wait."""

    status = 429

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.headers = {"Retry-After": str(retry_after_seconds)}


class Unavailable(ApiError):
    """Try again soon; nothing was done."""

    status = 503

    def __init__(self, message: str, retry_after_seconds: int = 1) -> None:
        super().__init__(message)
        self.headers = {"Retry-After": str(retry_after_seconds)}


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong with a body.

    `path` is a JSON path such as `spec.compute.cpuCoreRequest`; `problem` says what is wrong and
    what would be right.
    """

    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


def invalid_fields(errors: Sequence[FieldError]) -> BadRequest:
    """One error for a body in which these things are wrong: the first in the message, and so many
    of the others in the details as somebody may want to read."""
    first, *others = errors
    lines = [str(error) for error in others[:_MOST_DETAILS]]
    if len(others) > _MOST_DETAILS:
        lines.append(f"and {len(others) - _MOST_DETAILS} more")
    return BadRequest(str(first), "\n".join(lines) or None)


_MOST_DETAILS = 100
