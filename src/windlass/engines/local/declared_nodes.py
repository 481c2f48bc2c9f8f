"""What an operator declares of nodes: their labels and taints, and whole nodes for a trial."""

from collections.abc import Iterable

from windlass.engines.engine import Device, Node, Taint
from windlass.engines.local.gpus import parse_simulated_gpus
from windlass.kit.labels import LABEL_VALUE, QUALIFIED_NAME, is_label_value, is_qualified_name
from windlass.kit.quantities import InvalidQuantity, parse_bytes

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_EXAMPLE = "n1,label=zone=a,gpus=8xH100-80GB"
_CPUS = 128
_MEMORY_BYTES = 1024**4
_MOST_CPUS = 4096


def parse_labels(texts: Iterable[str]) -> dict[str, str]:
    """Labels, each declared as `KEY=VALUE`. Raises ValueError that says what is wrong."""
    labels = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator or not key:
            raise ValueError(f"{text!r} is not KEY=VALUE")
        _require_label(key, value)
        labels[key] = value
    return labels


def parse_taint(text: str) -> Taint:
    """A taint declared as `KEY=VALUE:EFFECT` or `KEY:EFFECT`. Raises ValueError."""
    named, separator, effect = text.rpartition(":")
    key, _, value = named.partition("=")
    if not separator or effect not in EFFECTS:
        raise ValueError(f"{text!r} is not KEY=VALUE:EFFECT with one of {', '.join(EFFECTS)}")
    _require_label(key, value)
    return Taint(key, value, effect)


def parse_simulated_node(text: str) -> Node:
    """A node declared as `NAME,label=KEY=VALUE,gpus=8xH100-80GB`, with any of `label` and `taint`
    again, `cpus` and `memory`. Raises ValueError with what is wrong and an example."""
    name, *parts = text.split(",")
    if not is_qualified_name(name) or "/" in name:
        raise ValueError(f"{text!r} does not start with a node's name; write it as {_EXAMPLE}")
    given: dict[str, list[str]] = {}
    for part in parts:
        key, separator, value = part.partition("=")
        if not separator or key not in ("label", "taint", "gpus", "cpus", "memory"):
            raise ValueError(f"{part!r} is no part of a simulated node; write it as {_EXAMPLE}")
        given.setdefault(key, []).append(value)
    for key in ("cpus", "memory"):
        if len(given.get(key, ())) > 1:
            raise ValueError(f"{text!r} gives {key} twice")
    gpus = ",".join(given.get("gpus", ()))
    return Node(
        name=name,
        cpu_millicores=_cpus(given.get("cpus", [str(_CPUS)])[0]) * 1000,
        memory_bytes=_memory(given["memory"][0]) if "memory" in given else _MEMORY_BYTES,
        devices=tuple(_of_node(name, device) for device in parse_simulated_gpus(gpus))
        if gpus
        else (),
        labels=parse_labels(given.get("label", ())),
        taints=tuple(parse_taint(taint) for taint in given.get("taint", ())),
        simulated=True,
    )


def parse_simulated_nodes(texts: Iterable[str], own_name: str) -> tuple[Node, ...]:
    """Several, none of which may be called like another or like this machine. Raises ValueError."""
    nodes = tuple(parse_simulated_node(text) for text in texts)
    names = [own_name, *(node.name for node in nodes)]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"there is more than one node named {name!r}")
    return nodes


def _require_label(key: str, value: str) -> None:
    if not is_qualified_name(key):
        raise ValueError(f"{key!r} {QUALIFIED_NAME}")
    if not is_label_value(value):
        raise ValueError(f"{value!r} {LABEL_VALUE}")


def _cpus(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:10]) <= _MOST_CPUS:
        raise ValueError(f"cpus={text} must be a whole number from 1 to {_MOST_CPUS}")
    return int(text)


def _memory(text: str) -> int:
    try:
        return parse_bytes(text)
    except InvalidQuantity as error:
        raise ValueError(f"memory={text} {error}") from None


def _of_node(name: str, device: Device) -> Device:
    return Device(
        id=f"SIM-{name}-{device.index}",
        index=device.index,
        model=device.model,
        memory_bytes=device.memory_bytes,
        simulated=True,
    )
