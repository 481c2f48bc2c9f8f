"""Labels, taints and nodes as an operator declares them."""

import pytest

from windlass.engines.engine import Taint
from windlass.engines.local.declared_nodes import (
    parse_labels,
    parse_simulated_node,
    parse_simulated_nodes,
    parse_taint,
)


def test_a_node_is_declared_in_full() -> None:
    node = parse_simulated_node(
        "n1,label=zone=a,label=x.org/rack=r1,taint=lab=on:NoSchedule,gpus=2xH100-80GB,"
        "cpus=8,memory=64Gi"
    )
    assert (node.name, node.simulated) == ("n1", True)
    assert node.labels == {"zone": "a", "x.org/rack": "r1"}
    assert node.taints == (Taint("lab", "on", "NoSchedule"),)
    assert [device.id for device in node.devices] == ["SIM-n1-0", "SIM-n1-1"]
    assert all(device.simulated for device in node.devices)
    assert (node.cpu_millicores, node.memory_bytes) == (8000, 64 * 2**30)


def test_a_name_is_enough() -> None:
    node = parse_simulated_node("n1")
    assert not node.devices
    assert node.cpu_millicores > 0
    assert node.memory_bytes > 0


def test_labels_and_taints_are_read() -> None:
    assert parse_labels(["a=b", "c="]) == {"a": "b", "c": ""}
    assert parse_taint("a:NoExecute") == Taint("a", "", "NoExecute")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a/b",
        "n,",
        "n,zone=a",
        "n,label=a",
        "n,label=a/b/c=d",
        "n,taint=a:Never",
        "n,taint=a",
        "n,gpus=many",
        "n,cpus=0",
        "n,cpus=x",
        "n,cpus=1,cpus=2",
        "n,memory=0",
        "n,memory=1X",
    ],
)
def test_what_is_wrong_is_said(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_simulated_node(text)


def test_no_two_nodes_have_one_name() -> None:
    assert len(parse_simulated_nodes(["a", "b"], "here")) == 2
    for names in (["a", "a"], ["here"]):
        with pytest.raises(ValueError, match="more than one node"):
            parse_simulated_nodes(names, "here")


@pytest.mark.parametrize("text", ["a", "=b", "a=b c"])
def test_labels_that_cannot_be_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_labels([text])
