"""Request bodies as JSON, read strictly: what parsers usually let pass in silence is refused.

A number that no double can hold, NaN, a key given twice, a string that no database can store: each
would otherwise mean something else to us than to whoever wrote it.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NoReturn

from windlass.kit.errors import BadRequest, FieldError, invalid_fields

DEEPEST_NESTING = 64
MOST_ENTRIES = 5000
"""More than any list that is meant has: what is wrong with each would take seconds to say."""


def read_json_object(raw: bytes, content_type: str | None = None) -> dict[str, Any]:
    """The JSON object in `raw`; `content_type` is the request's header, None where there is none.

    Raises BadRequest for anything else, with the line and column where that is known.
    """
    body = _read(raw, content_type)
    if not isinstance(body, dict):
        raise BadRequest(f"The body must be a JSON object, not {json_kind(body)}.")
    return body


def read_json_list(raw: bytes, content_type: str | None = None) -> list[Any]:
    """The same for a JSON list."""
    body = _read(raw, content_type)
    if not isinstance(body, list):
        raise BadRequest(f"The body must be a JSON list, not {json_kind(body)}.")
    return body


def json_kind(value: object) -> str:
    """What JSON calls a value, with its article."""
    for kind, name in _KINDS:
        if isinstance(value, kind):
            return name
    return "null"


def join_path(path: str, key: str | int) -> str:
    """The path of a member: `spec` and `ports` give `spec.ports`, then 2 gives `spec.ports[2]`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "a boolean"),
    (int, "a number"),
    (float, "a number"),
    (str, "a string"),
    (list, "a list"),
    (dict, "an object"),
)
_MOST_DIGITS = 400
_SURROGATE = re.compile("[\ud800-\udfff]")


def _read(raw: bytes, content_type: str | None) -> Any:
    _require_json(content_type)
    body = _parse(_decode(raw))
    if errors := list(_unstorable(body)):
        raise invalid_fields(errors)
    return body


def _require_json(content_type: str | None) -> None:
    if content_type is None:
        return
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        return
    raise BadRequest(
        f"The body must be JSON, sent with the header Content-Type: application/json;"
        f" this one says {content_type[:80]!r}."
    )


def _decode(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequest(f"The body is not UTF-8: byte {error.start} cannot be read.") from None


def _parse(text: str) -> Any:
    if not text.strip():
        raise BadRequest("The body is empty; it must be a JSON object.")
    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_whole,
        )
    except json.JSONDecodeError as error:
        raise BadRequest(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    except RecursionError:
        raise _too_deep() from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key, count in counts.items() if count > 1)
        raise BadRequest(f"The body gives the key {twice[:80]!r} twice in one object.")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise BadRequest(f"The body contains {name}, which is not JSON; numbers must be finite.")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise BadRequest(f"The body contains the number {digits[:40]}, which is too large.")
    return value


def _whole(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise BadRequest(f"The body contains a number of {len(digits)} digits, which is too large.")
    return int(digits)


def _unstorable(body: Any) -> Iterator[FieldError]:
    """What is nested too deeply or too long, and text with NUL or half a surrogate pair."""
    pending: list[tuple[str, Any, int]] = [("", body, 0)]
    while pending:
        path, value, depth = pending.pop()
        if depth > DEEPEST_NESTING:
            raise _too_deep()
        if isinstance(value, str):
            if problem := _text_problem(value):
                yield FieldError(path or "body", problem)
        elif isinstance(value, dict):
            for key, member in value.items():
                if problem := _text_problem(key):
                    yield FieldError(path or "body", f"has a key that {problem}")
                    continue
                pending.append((join_path(path, key), member, depth + 1))
        elif isinstance(value, list):
            if len(value) > MOST_ENTRIES:
                yield FieldError(
                    path or "body", f"must have at most {MOST_ENTRIES} entries, not {len(value)}"
                )
                continue
            pending.extend(
                (join_path(path, index), member, depth + 1) for index, member in enumerate(value)
            )


def _text_problem(text: str) -> str | None:
    if "\0" in text:
        return "contains the character NUL, which cannot be stored"
    if _SURROGATE.search(text):
        return "contains half of a surrogate pair, which is not a character"
    return None


def _too_deep() -> BadRequest:
    return BadRequest(f"The body is nested more than {DEEPEST_NESTING} levels deep.")
