"""`exclude: true` takes an entry out of every list that is published with it."""

from typing import Any

import pytest

from windlass.spec.combination import Layer, combine, vain_exclusions
from windlass.workloads.inferences.fields import field_table
from windlass.workloads.inferences.schemas import InferenceSpec

IDENTITIES = {
    "spec.compute.extendedResources": ("resource", "example.org/a", "example.org/b"),
    "spec.exposedUrls": ("container", 8001, 8002),
    "spec.ports": ("container", 8001, 8002),
    "spec.storage.dataVolume": ("id", "volume-a", "volume-b"),
}
BY_NAME = ("name", "a", "b")
"""By what entries of all other lists are told apart."""
ENDING = "[].exclude"
LISTS = [path.removesuffix(ENDING) for path in field_table().fields if path.endswith(ENDING)]
EVERY = pytest.mark.parametrize("path", LISTS)
OF_IMAGES = "spec.environmentVariables"
"""What is taken out there may be in the image, which no layer tells."""


def within(path: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    """A spec that has the entries there and nothing else."""
    _, *names, last = path.split(".")
    made: dict[str, Any] = {last: entries}
    for name in reversed(names):
        made = {name: made}
    return made


def entries_of(spec: Any, path: str) -> Any:
    for name in path.split(".")[1:]:
        spec = spec[name]
    return spec


def test_there_are_as_many_as_published() -> None:
    assert len(LISTS) == 17
    assert set(IDENTITIES) < set(LISTS)


@EVERY
def test_an_entry_is_taken_out_of_what_is_below(path: str) -> None:
    field, first, second = IDENTITIES.get(path, BY_NAME)
    below = Layer("asset", within(path, [{field: first}, {field: second}]))
    without = Layer("request", within(path, [{field: first, "exclude": True}]))
    made = combine(InferenceSpec, [without, Layer("template", {}), below])
    assert entries_of(made.spec, path) == [{field: second}]
    assert list(vain_exclusions(InferenceSpec, [without, Layer("template", {}), below])) == []


@EVERY
def test_an_entry_that_is_nowhere_is_not_taken_out(path: str) -> None:
    field, first, second = IDENTITIES.get(path, BY_NAME)
    entry = {field: first, "exclude": True}
    asks = Layer("request", within(path, [{field: second}, entry]))
    below = [Layer("template", within(path, [{field: "other"}])), Layer("asset", {})]
    told = list(vain_exclusions(InferenceSpec, [asks, *below]))
    is_of_image = path == OF_IMAGES
    place = path.removeprefix("spec.")
    assert told == ([] if is_of_image else [f"{place}[1]"])
    # Said by a template it holds as it is: there may be other assets that have such an entry.
    made = combine(InferenceSpec, [Layer("request", {}), Layer("template", asks.spec)])
    kept = [{field: second}, entry] if is_of_image else [{field: second}]
    assert entries_of(made.spec, path) == kept
    assert list(vain_exclusions(InferenceSpec, [Layer("request", {}), asks])) == []
