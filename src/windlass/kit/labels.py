"""Keys and values of labels, by the syntax of Kubernetes."""

import re

QUALIFIED_NAME = (
    "must be a name of at most 63 letters, digits, '-', '_' and '.', with a letter or digit at both"
    " ends, and may have a DNS name and a slash before it"
)
"""What a label's key has to be, as the end of a sentence about it."""

LABEL_VALUE = (
    "must be at most 63 letters, digits, '-', '_' and '.', with a letter or digit at both ends"
)


def is_qualified_name(name: str) -> bool:
    """Whether Kubernetes takes it as the key of a label, a taint or a resource."""
    prefix, slash, plain = name.rpartition("/")
    if slash and not (len(prefix) <= 253 and _DNS_SUBDOMAIN.fullmatch(prefix)):
        return False
    return bool(_LABEL_VALUE.fullmatch(plain))


def is_label_value(value: str) -> bool:
    """Whether Kubernetes takes it as a label's value, which may be empty."""
    return not value or bool(_LABEL_VALUE.fullmatch(value))


_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_DNS_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DNS_SUBDOMAIN = re.compile(rf"{_DNS_LABEL}(\.{_DNS_LABEL})*")
