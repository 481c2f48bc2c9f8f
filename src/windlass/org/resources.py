"""What a department or project may have in one node pool, and what must agree.

Amounts are whole numbers, so that sums are exact: millionths of a GPU, millicores of CPU, bytes of
memory. None is unlimited.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum

GPU_UNIT = 1_000_000
"""Millionths in one GPU."""
MEMORY_UNITS = {"Mib": 2**20, "MB": 10**6, "GB": 10**9}
"""Bytes in each unit that memory can be given in."""
DEFAULT_WEIGHT = 2.0
RANKS = {
    "very-low": 25,
    "low": 40,
    "medium-low": 65,
    "medium": 80,
    "medium-high": 90,
    "high": 125,
    "very-high": 150,
}
"""Among siblings, a higher one gets what nobody is guaranteed first."""
DEFAULT_RANK = "medium-low"


class Resource(StrEnum):
    """What units share."""

    GPU = "gpu"
    CPU = "cpu"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class Share:
    """What a unit may have of one resource: `deserved` is guaranteed, `limit` never exceeded.

    What nobody is guaranteed is divided by `weight`; a unit of weight 0 gets none of it.
    """

    deserved: int | None = None
    limit: int | None = None
    weight: float = DEFAULT_WEIGHT

    @property
    def cap(self) -> int | None:
        """The most it may ever have."""
        bounds = [self.limit, self.deserved if self.weight == 0 else None]
        return min((bound for bound in bounds if bound is not None), default=None)


@dataclass(frozen=True, slots=True)
class Resources:
    """What a unit may have in one node pool. The default is what everybody has in a new pool."""

    gpu: Share = Share(deserved=0)
    cpu: Share = Share()
    memory: Share = Share()
    memory_units: str = "MB"
    rank: str = DEFAULT_RANK

    def share(self, resource: Resource) -> Share:
        """What it may have of one resource."""
        found: Share = getattr(self, resource.value)
        return found


NEW_POOL = Resources()
UNLIMITED = Resources(gpu=Share())


@dataclass(frozen=True, slots=True)
class Amounts:
    """So much of each resource."""

    gpu: int = 0
    cpu: int = 0
    memory: int = 0

    def __add__(self, other: "Amounts") -> "Amounts":
        return Amounts(self.gpu + other.gpu, self.cpu + other.cpu, self.memory + other.memory)

    def of(self, resource: Resource) -> int:
        """How much of one."""
        amount: int = getattr(self, resource.value)
        return amount


@dataclass(frozen=True, slots=True)
class Use:
    """What workloads of a unit use and ask for in one node pool."""

    allocated: Amounts = field(default_factory=Amounts)
    non_preemptible: Amounts = field(default_factory=Amounts)
    """Of what is allocated, what cannot be taken away."""
    requested: Amounts = field(default_factory=Amounts)
    """With what is allocated."""

    def __add__(self, other: "Use") -> "Use":
        return Use(*(getattr(self, part.name) + getattr(other, part.name) for part in fields(self)))


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with what a unit is to have: of which resource in which pool, and why."""

    pool_id: int
    resource: Resource
    field: str
    text: str


def share_problems(pool_id: int, resources: Resources) -> Iterator[Problem]:
    """Limits below what is guaranteed."""
    for resource in Resource:
        share = resources.share(resource)
        if share.limit is None or share.deserved is None:
            continue
        if share.limit < share.deserved:
            yield Problem(
                pool_id,
                resource,
                "limit",
                f"is {describe(resource, share.limit)}, less than the deserved "
                f"{describe(resource, share.deserved)}",
            )


def use_problems(
    pool_id: int, resources: Resources, before: Resources, use: Use
) -> Iterator[Problem]:
    """Amounts lowered below what non-preemptible workloads hold."""
    for resource in Resource:
        held = use.non_preemptible.of(resource)
        deserved = resources.share(resource).deserved
        if deserved is None or deserved >= held or not _is_lowered(resource, resources, before):
            continue
        yield Problem(
            pool_id,
            resource,
            "deserved",
            f"is {describe(resource, deserved)}, less than the {describe(resource, held)} that"
            " non-preemptible workloads hold",
        )


def parent_problems(
    pool_id: int,
    resources: Resources,
    before: Resources,
    siblings: Sequence[Resources],
    parent: Resources,
) -> Iterator[Problem]:
    """What a project and its siblings deserve in all, where it is more than their department does.

    CPU and memory that are unlimited are not counted: the department's bound holds for them.
    """
    for resource in Resource:
        bound = parent.share(resource).deserved
        own, was = resources.share(resource).deserved, before.share(resource).deserved
        if bound is None or own == was or (own is not None and was is not None and own < was):
            continue
        if own is None:
            if resource is Resource.GPU:
                yield Problem(
                    pool_id,
                    resource,
                    "deserved",
                    f"cannot be unlimited: the department deserves {describe(resource, bound)}",
                )
            continue
        others = sum(other.share(resource).deserved or 0 for other in siblings)
        if own + others > bound:
            yield Problem(
                pool_id,
                resource,
                "deserved",
                f"is {describe(resource, own)}, and the department's other projects deserve "
                f"{describe(resource, others)}: together more than its {describe(resource, bound)}",
            )


def children_problems(
    pool_id: int, resources: Resources, before: Resources, children: Sequence[Resources]
) -> Iterator[Problem]:
    """What a department deserves, where it is lowered below what its projects do in all."""
    for resource in Resource:
        bound = resources.share(resource).deserved
        if bound is None or not _is_lowered(resource, resources, before):
            continue
        shares = [child.share(resource).deserved for child in children]
        if resource is Resource.GPU and None in shares:
            yield Problem(
                pool_id,
                resource,
                "deserved",
                "must be unlimited: one of its projects deserves unlimited GPUs",
            )
            continue
        total = sum(share or 0 for share in shares)
        if total > bound:
            yield Problem(
                pool_id,
                resource,
                "deserved",
                f"is {describe(resource, bound)}, less than the {describe(resource, total)} that"
                " its projects deserve",
            )


def _is_lowered(resource: Resource, after: Resources, before: Resources) -> bool:
    new, old = after.share(resource).deserved, before.share(resource).deserved
    return new is not None and (old is None or new < old)


def describe(resource: Resource, amount: int) -> str:
    """An amount with its unit, as a user reads it."""
    if resource is Resource.GPU:
        count = f"{amount / GPU_UNIT:g}"
        return f"{count} GPU" if count == "1" else f"{count} GPUs"
    if resource is Resource.CPU:
        return f"{amount} millicores"
    return f"{amount / MEMORY_UNITS['MB']:g} MB"


def total_of(amounts: Mapping[int, Resources], resource: Resource) -> int | None:
    """What a unit deserves in all its pools; None is unlimited."""
    total = 0
    for resources in amounts.values():
        deserved = resources.share(resource).deserved
        if deserved is None:
            return None
        total += deserved
    return total
