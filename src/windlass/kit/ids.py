"""Identifiers. None has an underscore, which the vendor's client would turn into a hyphen."""

import secrets
import uuid

_SUFFIX_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_MOST_DIGITS = 10


def new_id() -> str:
    """A random UUID in its canonical form."""
    return str(uuid.uuid4())


def is_uuid(text: str) -> bool:
    """Whether `text` is a UUID in its canonical, hyphenated form, in either case."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def random_suffix(length: int = 5) -> str:
    """Random lower-case letters and digits, fit to end a DNS label."""
    return "".join(secrets.choice(_SUFFIX_ALPHABET) for _ in range(length))


def decimal_id(text: str) -> int:
    """The number that `text` is the canonical decimal form of; -1, which names nothing, if none.

    Numbers are those that fit 31 bits, as ids of tenants, departments, projects and node pools do.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        return -1
    number = int(text)
    return number if str(number) == text and number < 2**31 else -1
