"""Kinds of single values in a spec: their range and form."""

import re
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from windlass.kit.quantities import InvalidQuantity, parse_bytes, parse_positive_quantity


def matching(pattern: str, problem: str) -> AfterValidator:
    """Text must match `pattern` from its first to its last character."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if compiled.fullmatch(value) is None:
            raise wrong_form(problem)
        return value

    return AfterValidator(check)


def wrong_form(problem: str) -> PydanticCustomError:
    """What a validator of a field raises; `problem` completes a sentence about the field."""
    return PydanticCustomError("wrong_form", "{problem}", {"problem": problem})


def _quantity(parse: Callable[[str], object]) -> AfterValidator:
    def check(value: str) -> str:
        try:
            parse(value)
        except InvalidQuantity as error:
            raise wrong_form(str(error)) from None
        return value

    return AfterValidator(check)


def _hostname(value: str) -> str:
    labels = value.split(".")
    if len(value) > 253 or not all(_HOST_LABEL.fullmatch(label) for label in labels):
        raise wrong_form("is not a host name, such as model.example.org")
    return value


_HOST_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")

NonEmpty = Annotated[str, Field(min_length=1)]
CommandLine = Annotated[str, Field(min_length=1, max_length=65536)]
"""Splitting one into words takes a time that grows with the square of its length."""
UpTo63 = Annotated[str, Field(min_length=1, max_length=63)]
UnsignedInt32 = Annotated[int, Field(ge=0, le=2**31 - 1)]
PositiveInt32 = Annotated[int, Field(ge=1, le=2**31 - 1)]
Int32 = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]
Int64 = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
PositiveInt64 = Annotated[int, Field(ge=1, le=2**63 - 1)]
Port = Annotated[int, Field(ge=1, le=65535)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Uuid = Annotated[
    str,
    matching(
        r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
        "is not a UUID, such as 123e4567-e89b-12d3-a456-426614174000",
    ),
]
Hostname = Annotated[str, AfterValidator(_hostname)]
Bytes = Annotated[str, _quantity(parse_bytes)]
"""An amount of memory or storage as a Kubernetes quantity."""
Quantity = Annotated[str, Field(min_length=1), _quantity(parse_positive_quantity)]
ResourceName = Annotated[
    str,
    Field(min_length=1),
    matching(
        r"[a-z0-9]([a-z0-9-]*[a-z0-9])?",
        "must be lower-case letters, digits and hyphens, with no hyphen at either end",
    ),
]
"""The name of a Kubernetes object, as the 2.24 schema has it."""
