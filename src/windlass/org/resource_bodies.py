"""Resources of departments and projects, as bodies give them and as answers show them.

On the wire GPUs are counted in whole ones, CPU in millicores and memory in the unit that is named
beside it; -1 is unlimited.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from windlass.kit.errors import FieldError
from windlass.org.resources import (
    DEFAULT_WEIGHT,
    GPU_UNIT,
    MEMORY_UNITS,
    NEW_POOL,
    RANKS,
    Amounts,
    Resources,
    Share,
    Use,
    total_of,
)
from windlass.org.resources import Resource as ResourceKind
from windlass.org.schemas import GpuShare, PlainShare, PoolResources

UNLIMITED = -1.0


class ResourcesReader:
    """Turns the entries of one body into resources by pool, and notes what is wrong with them."""

    def __init__(
        self,
        entries: Sequence[PoolResources],
        pools: Mapping[int, str],
        default_pool: int,
        path: str,
    ) -> None:
        """`pools` are the cluster's, by id with their names; `path` is where the entries stand."""
        self._pools = pools
        self._default_pool = default_pool
        self.path_of: dict[int, str] = {}
        """Where each pool's entry stands."""
        self.errors: list[FieldError] = []
        self._entries: dict[int, PoolResources] = {}
        for index, entry in enumerate(entries):
            self._add(entry, f"{path}[{index}]")

    def replacing(self) -> dict[int, Resources]:
        """The resources of all pools, those not named as in a new pool."""
        return {
            pool: self._resources(pool, NEW_POOL) if pool in self._entries else NEW_POOL
            for pool in self._pools
        }

    def changing(self, before: Mapping[int, Resources]) -> dict[int, Resources]:
        """The resources of the pools that are named, where what is left out stays as it was."""
        return {pool: self._resources(pool, before.get(pool, NEW_POOL)) for pool in self._entries}

    def _add(self, entry: PoolResources, path: str) -> None:
        pool = self._pool_of(entry, path)
        if pool is None:
            return
        if pool in self._entries:
            self.errors.append(
                FieldError(f"{path}.nodePool", f"is given twice, at {self.path_of[pool]} too")
            )
            return
        self._entries[pool] = entry
        self.path_of[pool] = path

    def _pool_of(self, entry: PoolResources, path: str) -> int | None:
        if entry.node_pool is None:
            return self._default_pool
        named = entry.node_pool
        pool = next((pool for pool in self._pools if str(pool) == named.id), None)
        if pool is None:
            known = ", ".join(f"{key} ({name})" for key, name in sorted(self._pools.items()))
            self.errors.append(
                FieldError(
                    f"{path}.nodePool.id",
                    f"is {named.id!r}; the cluster's node pools are {known}",
                )
            )
        elif named.name is not None and named.name != self._pools[pool]:
            self.errors.append(
                FieldError(
                    f"{path}.nodePool.name",
                    f"is {named.name!r}; node pool {named.id} is {self._pools[pool]!r}",
                )
            )
        return pool

    def _resources(self, pool: int, before: Resources) -> Resources:
        entry, path = self._entries[pool], self.path_of[pool]
        made = before
        given = entry.model_fields_set
        if "gpu" in given:
            share = self._share(entry.gpu, before.gpu, NEW_POOL.gpu, GPU_UNIT, f"{path}.gpu")
            made = replace(made, gpu=share)
        if "cpu" in given:
            share = self._share(entry.cpu, before.cpu, NEW_POOL.cpu, 1, f"{path}.cpu")
            made = replace(made, cpu=share)
        if "memory" in given:
            units = entry.memory.units if entry.memory else NEW_POOL.memory_units
            share = self._share(
                entry.memory,
                before.memory,
                NEW_POOL.memory,
                MEMORY_UNITS[units],
                f"{path}.memory",
            )
            made = replace(made, memory=share, memory_units=units)
        if "priority" in given:
            made = replace(made, rank=self._rank(entry.priority, f"{path}.priority"))
        return made

    def _share(
        self,
        given: GpuShare | PlainShare | None,
        before: Share,
        reset: Share,
        scale: int,
        path: str,
    ) -> Share:
        if given is None:
            return reset
        names = given.model_fields_set
        deserved, limit, weight = before.deserved, before.limit, before.weight
        if "deserved" in names:
            deserved = self._amount(given.deserved, reset.deserved, scale, f"{path}.deserved")
        if "limit" in names:
            limit = self._amount(given.limit, None, scale, f"{path}.limit")
        if "over_quota_weight" in names:
            weight = DEFAULT_WEIGHT
            if given.over_quota_weight is not None:
                weight = given.over_quota_weight
        return Share(deserved, limit, weight)

    def _amount(self, value: float | None, reset: int | None, scale: int, path: str) -> int | None:
        if value is None:
            return reset
        if value == UNLIMITED:
            return None
        if value < 0:
            self.errors.append(
                FieldError(path, f"must be at least 0, or -1 for unlimited, not {value:g}")
            )
        return round(value * scale)

    def _rank(self, name: str | None, path: str) -> str:
        if name is None:
            return NEW_POOL.rank
        if name not in RANKS:
            self.errors.append(FieldError(path, f"must be one of {', '.join(RANKS)}"))
        return name


def resources_views(
    pools: Mapping[int, str], resources: Mapping[int, Resources]
) -> list[dict[str, Any]]:
    """What a unit may have in each of its cluster's pools."""
    return [
        _resources_view(pool, name, resources.get(pool, NEW_POOL)) for pool, name in pools.items()
    ]


def totals_view(resources: Mapping[int, Resources]) -> dict[str, Any]:
    """What a unit deserves in all; null is unlimited."""
    return {
        "gpuQuota": _scaled(total_of(resources, ResourceKind.GPU), GPU_UNIT),
        "cpuQuota": _scaled(total_of(resources, ResourceKind.CPU), 1),
        "memoryQuota": _scaled(total_of(resources, ResourceKind.MEMORY), MEMORY_UNITS["MB"]),
    }


def quota_status_view(use: Use) -> dict[str, Any]:
    """What is used and asked for: GPUs, millicores, MB."""
    return {
        "allocated": _amounts_view(use.allocated),
        "allocatedNonPreemptible": _amounts_view(use.non_preemptible),
        "requested": _amounts_view(use.requested),
    }


def pool_quota_status_views(
    pools: Mapping[int, str], use: Mapping[int, Use]
) -> Iterator[dict[str, Any]]:
    """The same in each pool."""
    for pool, name in pools.items():
        status = quota_status_view(use.get(pool, Use()))
        yield {"nodePoolId": str(pool), "nodePoolName": name, **status}


def aggregated_views(
    pools: Mapping[int, str], children: Sequence[Mapping[int, Resources]]
) -> list[dict[str, Any]]:
    """What all projects of a department deserve in each pool."""
    return [_aggregated_view(pool, name, children) for pool, name in pools.items()]


def _resources_view(pool: int, name: str, resources: Resources) -> dict[str, Any]:
    units = resources.memory_units
    return {
        "nodePool": {"id": str(pool), "name": name},
        "gpu": _share_view(resources.gpu, GPU_UNIT),
        "cpu": _share_view(resources.cpu, 1),
        "memory": {**_share_view(resources.memory, MEMORY_UNITS[units]), "units": units},
        "priority": resources.rank,
    }


def _share_view(share: Share, scale: int) -> dict[str, float]:
    deserved, limit = _scaled(share.deserved, scale), _scaled(share.limit, scale)
    return {
        "deserved": UNLIMITED if deserved is None else deserved,
        "limit": UNLIMITED if limit is None else limit,
        "overQuotaWeight": share.weight,
    }


def _aggregated_view(
    pool: int, name: str, children: Sequence[Mapping[int, Resources]]
) -> dict[str, Any]:
    view: dict[str, Any] = {"nodePool": {"id": str(pool), "name": name}}
    for kind, scale in (
        (ResourceKind.GPU, GPU_UNIT),
        (ResourceKind.CPU, 1),
        (ResourceKind.MEMORY, MEMORY_UNITS["MB"]),
    ):
        shares = [child.get(pool, NEW_POOL).share(kind).deserved for child in children]
        total = None if None in shares else sum(share or 0 for share in shares)
        view[kind.value] = {"deserved": _scaled(total, scale)}
    view["memory"]["units"] = "MB"
    return view


def _amounts_view(amounts: Amounts) -> dict[str, float]:
    return {
        "gpu": amounts.gpu / GPU_UNIT,
        "cpu": float(amounts.cpu),
        "memory": amounts.memory / MEMORY_UNITS["MB"],
    }


def _scaled(amount: int | None, scale: int) -> float | None:
    return None if amount is None else amount / scale
