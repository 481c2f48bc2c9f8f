"""Which nodes let a workload in, by labels, node affinity, taints and tolerations.

Expectations are those of Kubernetes' documentation of node affinity and of taints and tolerations.
"""

import pytest

from tests.unit.scheduling.building import node, running, workload
from windlass.scheduling import (
    LabelOperator,
    LabelRule,
    LabelTerm,
    Node,
    Request,
    Snapshot,
    Taint,
    TaintEffect,
    Toleration,
    TolerationOperator,
    Workload,
    plan,
)

TINY = Request(cpu_millicores=1)
A100 = LabelRule("gpu", LabelOperator.IN, frozenset({"a100"}))
H100 = LabelRule("gpu", LabelOperator.IN, frozenset({"h100"}))
EAST = LabelRule("zone", LabelOperator.IN, frozenset({"east"}))


def takes(workload_: Workload, *nodes: Node) -> set[str]:
    """The nodes that take the workload when each is all there is."""
    return {each.name for each in nodes if plan(Snapshot((each,), (workload_,))).placements}


def asking(*terms: LabelTerm) -> Workload:
    return workload("w", TINY, node_affinity=terms)


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [
        (LabelOperator.IN, {"80"}, {"eighty"}),
        (LabelOperator.NOT_IN, {"80"}, {"forty", "minus", "word", "none"}),
        (LabelOperator.EXISTS, set(), {"eighty", "forty", "minus", "word"}),
        (LabelOperator.DOES_NOT_EXIST, set(), {"none"}),
        (LabelOperator.GT, {"40"}, {"eighty"}),
        (LabelOperator.LT, {"40"}, {"minus"}),
        (LabelOperator.GT, {"-5"}, {"eighty", "forty"}),
    ],
)
def test_each_operator_of_node_affinity(
    operator: LabelOperator, values: set[str], expected: set[str]
) -> None:
    sizes = {"eighty": "80", "forty": "40", "minus": "-40", "word": "large"}
    nodes = [node(name, labels={"size": size}) for name, size in sizes.items()]
    rule = LabelRule("size", operator, frozenset(values))
    assert takes(asking((rule,)), *nodes, node("none")) == expected


def test_one_term_must_hold_and_all_rules_of_it() -> None:
    nodes = (
        node("a", labels={"gpu": "a100", "zone": "east"}),
        node("b", labels={"gpu": "a100", "zone": "west"}),
        node("c", labels={"gpu": "h100", "zone": "west"}),
    )
    assert takes(asking((A100, EAST)), *nodes) == {"a"}
    assert takes(asking((A100, EAST), (H100,)), *nodes) == {"a", "c"}
    assert takes(asking(()), *nodes) == set()


def test_what_no_node_meets_is_named() -> None:
    snapshot = Snapshot((node("n"),), (asking((A100, EAST), (H100,)),))
    assert plan(snapshot).pending[0].reasons[0].message == (
        "No node of node pool default that lets the workload in has the labels: "
        "gpu In a100 and zone In east or gpu In h100."
    )


@pytest.mark.parametrize(
    ("toleration", "expected"),
    [
        (Toleration("dedicated", value="vision"), {"vision", "vision-now"}),
        (Toleration("dedicated", TolerationOperator.EXISTS), {"vision", "vision-now", "speech"}),
        (
            Toleration("dedicated", value="vision", effect=TaintEffect.NO_SCHEDULE),
            {"vision"},
        ),
        (
            Toleration("", TolerationOperator.EXISTS, effect=TaintEffect.NO_SCHEDULE),
            {"vision", "speech", "other"},
        ),
        (
            Toleration("", TolerationOperator.EXISTS),
            {"vision", "vision-now", "speech", "other"},
        ),
        (Toleration("dedicated"), set()),
    ],
)
def test_a_toleration_is_for_taints_of_its_key_value_and_effect(
    toleration: Toleration, expected: set[str]
) -> None:
    taints = {
        "vision": Taint("dedicated", "vision"),
        "vision-now": Taint("dedicated", "vision", TaintEffect.NO_EXECUTE),
        "speech": Taint("dedicated", "speech"),
        "other": Taint("other"),
    }
    nodes = [node(name, taints=(taint,)) for name, taint in taints.items()]
    made = workload("w", TINY, tolerations=(toleration,))
    assert takes(made, *nodes, node("free")) == {*expected, "free"}


def test_every_taint_of_a_node_must_be_tolerated() -> None:
    taints = (Taint("one"), Taint("other"))
    made = workload("w", TINY, tolerations=(Toleration("one", TolerationOperator.EXISTS),))
    decided = plan(Snapshot((node("n", taints=taints),), (made,)))
    assert decided.is_empty
    assert "taint" in decided.pending[0].reasons[0].message


def test_a_node_to_be_avoided_is_taken_last_unless_that_is_tolerated() -> None:
    soft = Taint("old", "", TaintEffect.PREFER_NO_SCHEDULE)
    nodes = (node("a", gpus=1, taints=(soft,)), node("b", gpus=2))
    snapshot = Snapshot(nodes, (workload("w", Request(devices=1), pods=3, min_members=1),))
    placements = plan(snapshot).placements
    assert [placements[f"w-{index}"].node for index in range(3)] == ["b", "b", "a"]
    tolerates = (Toleration("old", TolerationOperator.EXISTS),)
    indifferent = workload("w", Request(devices=1), tolerations=tolerates)
    assert plan(Snapshot(nodes, (indifferent,))).placements["w-0"].node == "a"


def test_a_taint_does_not_end_what_runs() -> None:
    taint = Taint("down", "", TaintEffect.NO_EXECUTE)
    stays = running("stays", ("n", 0), preemptible=True)
    assert plan(Snapshot((node("n", gpus=1, taints=(taint,)),), (stays,))).is_empty
