"""Let pods that stay on their node keep the very devices that they have.

While a plan is made, whole devices of a node are as good as each other, so a pod that stays may
have been given another than it runs on. Devices that are alike are exchanged after each cycle.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from windlass.scheduling.model import DeviceShare, Node, Placement


def keep_devices(
    nodes: Iterable[Node], before: Mapping[str, Placement], after: dict[str, Placement]
) -> None:
    """Exchange devices in `after`, so that pods on their old node have their old devices."""
    displaced = [
        pod
        for pod, place in after.items()
        if pod in before and before[pod].node == place.node and before[pod] != place
    ]
    if not displaced:
        return
    names = {after[pod].node for pod in displaced}
    kinds = {
        node.name: {device.id: (device.memory_bytes, device.mig_profile) for device in node.devices}
        for node in nodes
        if node.name in names
    }
    on_node: dict[str, list[str]] = {name: [] for name in names}
    for pod, place in after.items():
        if place.node in on_node:
            on_node[place.node].append(pod)
    for pod in sorted(displaced):
        _restore(pod, kinds[after[pod].node], on_node[after[pod].node], before, after)


def _restore(
    pod: str,
    kinds: Mapping[str, object],
    neighbours: Iterable[str],
    before: Mapping[str, Placement],
    after: dict[str, Placement],
) -> None:
    wanted = [share.device_id for share in before[pod].devices]
    spare = [share.device_id for share in after[pod].devices if share.device_id not in wanted]
    for device in wanted:
        if any(share.device_id == device for share in after[pod].devices) or not spare:
            continue
        other = spare.pop(0)
        if kinds.get(device) != kinds.get(other):
            continue
        if any(
            _keeps(neighbour, either, before, after)
            for neighbour in neighbours
            for either in (device, other)
        ):
            continue
        for neighbour in neighbours:
            after[neighbour] = _exchange(after[neighbour], device, other)
    if set(after[pod].devices) == set(before[pod].devices):
        after[pod] = before[pod]


def _keeps(
    pod: str, device: str, before: Mapping[str, Placement], after: Mapping[str, Placement]
) -> bool:
    """Whether the pod has the device now as it had before."""
    had = before.get(pod)
    return (
        had is not None
        and had.node == after[pod].node
        and all(
            any(share.device_id == device for share in place.devices) for place in (had, after[pod])
        )
    )


def _exchange(place: Placement, one: str, other: str) -> Placement:
    names = {one: other, other: one}
    return Placement(place.node, tuple(_renamed(share, names) for share in place.devices))


def _renamed(share: DeviceShare, names: Mapping[str, str]) -> DeviceShare:
    return replace(share, device_id=names.get(share.device_id, share.device_id))
