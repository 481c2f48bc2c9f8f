"""Kubernetes quantities, exactly: decimal arithmetic throughout, never binary floating point.

Source of the notation: the Kubernetes API conventions for `resource.Quantity`: a decimal number and
either a binary suffix (Ki Mi Gi Ti Pi Ei), a decimal one (n u m k M G T P E) or an exponent (e3).
"""

import re
from decimal import ROUND_CEILING, Decimal, localcontext

LARGEST = 2**63 - 1
"""The largest whole quantity: what fits a signed 64-bit integer, as in Kubernetes."""


class InvalidQuantity(ValueError):
    """The text is not a quantity that can be used; the message says why and what would be right."""


def parse_quantity(text: str) -> Decimal:
    """The exact value of a quantity such as `1500m`, `2Gi` or `1e3`.

    Raises InvalidQuantity, also when it is larger than `LARGEST` or has more digits than a quantity
    can mean.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None or len(text) > _LONGEST_TEXT:
        raise InvalidQuantity(f"is not a quantity{_hint(text)}; write a number such as {_EXAMPLES}")
    with localcontext(prec=_PRECISION):
        value = Decimal(match["number"]) * _multiplier(match)
        if abs(value) > LARGEST:
            raise InvalidQuantity(f"is too large; the largest quantity is {LARGEST}")
        return value


def parse_positive_quantity(text: str) -> Decimal:
    """Like `parse_quantity`, of a value above zero."""
    value = parse_quantity(text)
    if value <= 0:
        raise InvalidQuantity(f"must be above zero, for example {_EXAMPLES}")
    return value


def parse_bytes(text: str) -> int:
    """A positive amount of memory in bytes, rounded up to a whole byte.

    Raises InvalidQuantity, also below one byte: the suffix `m` means thousandths, not megabytes.
    """
    value = parse_positive_quantity(text)
    if value < 1:
        raise InvalidQuantity(
            "is less than one byte (the suffix m means thousandths); write for example 512Mi or 2Gi"
        )
    return round_up(value)


def round_up(value: Decimal) -> int:
    """The smallest whole number that is not below `value`."""
    return int(value.to_integral_value(rounding=ROUND_CEILING))


def format_quantity(value: Decimal) -> str:
    """Text that `parse_quantity` reads back as exactly `value`.

    A whole number takes the largest binary suffix that divides it; anything else is written out.
    """
    if value == value.to_integral_value() and value != 0:
        whole = int(value)
        for suffix, multiplier in reversed(_BINARY.items()):
            if whole % int(multiplier) == 0:
                return f"{whole // int(multiplier)}{suffix}"
    return format(value, "f")


_EXAMPLES = "500M, 512Mi or 2Gi"
_PRECISION = 100
_LONGEST_TEXT = 60
_LARGEST_EXPONENT = 18

_BINARY = {
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}
_DECIMAL = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    "k": Decimal("1e3"),
    "M": Decimal("1e6"),
    "G": Decimal("1e9"),
    "T": Decimal("1e12"),
    "P": Decimal("1e15"),
    "E": Decimal("1e18"),
}
_QUANTITY = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))"
    r"(?:[eE](?P<exponent>[+-]?[0-9]+)|(?P<suffix>[KMGTPE]i|[numkMGTPE]?))"
)


def _multiplier(match: re.Match[str]) -> Decimal:
    if match["exponent"] is None:
        suffix = match["suffix"]
        return _BINARY.get(suffix) or _DECIMAL[suffix]
    exponent = int(match["exponent"])
    if abs(exponent) > _LARGEST_EXPONENT:
        raise InvalidQuantity(f"has an exponent beyond {_LARGEST_EXPONENT}")
    return Decimal(1).scaleb(exponent)


def _hint(text: str) -> str:
    if re.fullmatch(r"[0-9.]+ ?[kKMGTPE]i?[bB]", text):
        return " (leave out the B)"
    if re.fullmatch(r"[0-9.]+K", text):
        return " (the suffix is k for a thousand, Ki for 1024)"
    if re.fullmatch(r"[0-9.]+[mg]i?", text):
        return " (suffixes are upper-case, as in Mi and Gi)"
    return ""
