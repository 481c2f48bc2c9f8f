"""Layers of a spec: which value wins, what is taken out, and where each value comes from."""

from typing import Any

from windlass.spec.combination import Combined, Layer, combine
from windlass.workloads.inferences.schemas import InferenceSpec

ORIGINS = ("request", "template", "asset")


def combined(*specs: dict[str, Any]) -> Combined:
    layers = [Layer(origin, spec) for origin, spec in zip(ORIGINS, specs, strict=False)]
    return combine(InferenceSpec, layers)


def variables(*names: str, value: str = "x", exclude: bool = False) -> dict[str, Any]:
    said = {"exclude": True} if exclude else {"value": value}
    return {"environmentVariables": [{"name": name, **said} for name in names]}


def test_the_first_layer_that_gives_a_value_wins() -> None:
    made = combined(
        {"args": "mine"},
        {"args": "its", "compute": {"cpuCoreRequest": 2}},
        {"image": "a", "compute": {"cpuCoreRequest": 1, "cpuMemoryRequest": "1Gi"}},
    )
    assert made.spec == {
        "args": "mine",
        "image": "a",
        "compute": {"cpuCoreRequest": 2, "cpuMemoryRequest": "1Gi"},
    }
    assert made.origins == {
        "args": "request",
        "image": "asset",
        "compute.cpuCoreRequest": "template",
        "compute.cpuMemoryRequest": "asset",
    }


def test_entries_with_names_are_combined_one_by_one() -> None:
    made = combined(variables("B", value="mine"), variables("C"), variables("A", "B"))
    assert made.spec["environmentVariables"] == [
        {"name": "A", "value": "x"},
        {"name": "B", "value": "mine"},
        {"name": "C", "value": "x"},
    ]
    assert made.origins["environmentVariables[1].value"] == "request"
    assert made.origins["environmentVariables[2].value"] == "template"


def test_what_is_excluded_is_taken_out_of_every_layer_below() -> None:
    assert combined(variables("A", exclude=True), variables("A"), variables("A")).spec == {
        "environmentVariables": []
    }
    assert combined({}, variables("A", exclude=True), variables("A")).spec == {
        "environmentVariables": []
    }


def test_what_a_template_takes_out_a_request_can_put_back() -> None:
    made = combined(variables("A"), variables("A", exclude=True), variables("A", value="old"))
    assert made.spec == variables("A")
    assert made.origins["environmentVariables[0].value"] == "request"


def test_what_is_taken_out_in_vain_stays_for_the_image() -> None:
    never = variables("A", exclude=True)
    assert combined(never, {}, {}).spec == never
    assert combined(never, never, {}).spec == never


def test_tolerations_are_told_apart_by_their_names_where_they_have_any() -> None:
    nameless = {"operator": "Exists", "key": "a", "effect": "NoSchedule"}
    named = {**nameless, "name": "gpu"}
    without = {"name": "gpu", "exclude": True}
    made = combined(
        {"tolerations": [without, {**nameless, "key": "b"}]},
        {"tolerations": [nameless, named, {**nameless, "key": "c"}]},
    )
    assert [entry["key"] for entry in made.spec["tolerations"]] == ["a", "c", "b"]


def test_lists_without_names_are_taken_whole() -> None:
    made = combined({"nodePools": ["a"]}, {"nodePools": ["b", "c"]})
    assert made.spec == {"nodePools": ["a"]}


def test_another_way_to_say_how_much_of_a_gpu_voids_what_is_below() -> None:
    below = {"compute": {"gpuRequestType": "portion", "gpuPortionRequest": 0.5}}
    own = {"compute": {"gpuRequestType": "memory", "gpuMemoryRequest": "1Gi"}}
    assert combined(own, {}, below).spec == own
