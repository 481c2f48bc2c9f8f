"""Labels and annotations, by the syntax of Kubernetes."""

import re
from collections.abc import Iterator
from typing import ClassVar

from windlass.kit.errors import FieldError
from windlass.workloads.spec.model import Item, given
from windlass.workloads.spec.scalars import UpTo63


class NamedText(Item):
    """A name with a text, which is empty unless given."""

    mandatory: ClassVar = ("name",)
    identified_by: ClassVar = "name"
    name: UpTo63 | None = None
    value: str | None = None


class Label(NamedText):
    """What workloads are selected by."""


class Annotation(NamedText):
    """What else is noted about a workload."""


def label_errors(labels: list[Label | None] | None, path: str) -> Iterator[FieldError]:
    """Names and values that no label can have."""
    for index, label in given(labels):
        yield from _name_errors(label.name, f"{path}[{index}].name")
        if label.value and not _LABEL_VALUE.fullmatch(label.value):
            yield FieldError(
                f"{path}[{index}].value",
                "must be at most 63 letters, digits, '-', '_' and '.',"
                " with a letter or digit at both ends",
            )


def annotation_errors(
    annotations: list[Annotation | None] | None, path: str
) -> Iterator[FieldError]:
    """Names that no annotation can have, and more text than all of them may hold."""
    size = 0
    for index, annotation in given(annotations):
        yield from _name_errors(annotation.name, f"{path}[{index}].name")
        size += len((annotation.name or "").encode()) + len((annotation.value or "").encode())
    if size > MOST_ANNOTATION_BYTES:
        yield FieldError(path, f"are {size} bytes; at most {MOST_ANNOTATION_BYTES} are kept")


def is_qualified_name(name: str) -> bool:
    """Whether Kubernetes takes it as the key of a label, a taint or a resource."""
    prefix, slash, plain = name.rpartition("/")
    if slash and not (len(prefix) <= 253 and _DNS_SUBDOMAIN.fullmatch(prefix)):
        return False
    return bool(_LABEL_VALUE.fullmatch(plain))


MOST_ANNOTATION_BYTES = 256 * 1024
QUALIFIED_NAME = (
    "must be a name of at most 63 letters, digits, '-', '_' and '.', with a letter or digit at both"
    " ends, and may have a DNS name and a slash before it"
)

_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_DNS_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DNS_SUBDOMAIN = re.compile(rf"{_DNS_LABEL}(\.{_DNS_LABEL})*")


def _name_errors(name: str | None, path: str) -> Iterator[FieldError]:
    if name is not None and not is_qualified_name(name):
        yield FieldError(path, QUALIFIED_NAME)
