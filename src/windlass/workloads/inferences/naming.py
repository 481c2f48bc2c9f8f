"""What an inference may be called, and what it is called in the end.

A name is the first part of one DNS label, `<name>-<namespace>`, so that both must fit together.
"""

import re
from collections.abc import Iterator

from windlass.kit.errors import FieldError
from windlass.kit.ids import random_suffix
from windlass.org.names import namespace_of

LONGEST_DNS_LABEL = 63
SUFFIX_LENGTH = 5


def name_errors(
    name: str, project_name: str | None = None, is_prefix: bool = False
) -> list[FieldError]:
    """What is wrong with the requested name, in this project where it is known."""
    return list(_errors(name, project_name, is_prefix))


def with_random_suffix(prefix: str) -> str:
    """A name made of a requested prefix."""
    return f"{prefix}-{random_suffix(SUFFIX_LENGTH)}"


_DNS_1035_LABEL = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")


def _errors(name: str, project_name: str | None, is_prefix: bool) -> Iterator[FieldError]:
    if not _DNS_1035_LABEL.fullmatch(name):
        yield FieldError(
            "name",
            "must be lower-case letters, digits and hyphens, start with a letter and end with a"
            " letter or digit",
        )
    longest = _longest(project_name, is_prefix)
    if len(name) > longest:
        reason = _reason(project_name, is_prefix)
        yield FieldError("name", f"must be at most {longest} characters long{reason}")


def _longest(project_name: str | None, is_prefix: bool) -> int:
    suffix = SUFFIX_LENGTH + 1 if is_prefix else 0
    taken = 0 if project_name is None else len(namespace_of(project_name)) + 1
    return LONGEST_DNS_LABEL - taken - suffix


def _reason(project_name: str | None, is_prefix: bool) -> str:
    reasons = []
    if is_prefix:
        reasons.append(f"a suffix of {SUFFIX_LENGTH + 1} is added")
    if project_name is not None:
        reasons.append(f"its host name ends with -{namespace_of(project_name)}")
    return f": {' and '.join(reasons)}" if reasons else ""
