"""Labels and annotations, by the syntax of Kubernetes."""

from collections.abc import Iterator
from typing import ClassVar

from windlass.kit.errors import FieldError
from windlass.kit.labels import LABEL_VALUE, QUALIFIED_NAME, is_label_value, is_qualified_name
from windlass.spec.model import Item, given
from windlass.spec.scalars import UpTo63


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
        if label.value and not is_label_value(label.value):
            yield FieldError(f"{path}[{index}].value", LABEL_VALUE)


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


MOST_ANNOTATION_BYTES = 256 * 1024


def _name_errors(name: str | None, path: str) -> Iterator[FieldError]:
    if name is not None and not is_qualified_name(name):
        yield FieldError(path, QUALIFIED_NAME)
