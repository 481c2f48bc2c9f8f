"""Which nodes a workload's replicas may run on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from windlass import scheduling
from windlass.kit.errors import FieldError
from windlass.kit.labels import QUALIFIED_NAME, is_qualified_name
from windlass.spec.model import Item, SpecModel, given
from windlass.spec.scalars import NonEmpty, PositiveInt64

MatchOperator = Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]


class MatchExpression(SpecModel):
    """A condition on one node label."""

    mandatory: ClassVar = ("key", "operator")
    key: str | None = None
    operator: MatchOperator | None = None
    values: list[str] | None = None


class NodeSelectorTerm(SpecModel):
    """Conditions that must all hold."""

    match_expressions: list[MatchExpression | None] | None = None


class NodeAffinity(SpecModel):
    """Terms of which at least one must hold."""

    node_selector_terms: list[NodeSelectorTerm | None] | None = None


class PodAffinity(SpecModel):
    """Which topology the replicas should share."""

    mandatory: ClassVar = ("type", "key")
    type: Literal["Required", "Preferred"] | None = None
    key: str | None = None


class Toleration(Item):
    """A taint that does not keep the replicas away."""

    mandatory: ClassVar = ("operator", "key", "effect")
    identified_by: ClassVar = "name"
    name: NonEmpty | None = None
    operator: Literal["Equal", "Exists"] | None = None
    key: str | None = None
    value: str | None = None
    effect: Literal["NoSchedule", "NoExecute", "PreferNoSchedule", "Any"] | None = None
    seconds: PositiveInt64 | None = None


NODE_TYPE_LABEL = "run.ai/type"
"""The label by which nodes are of a type."""


@dataclass(frozen=True, slots=True)
class Constraints:
    """Which nodes a workload's replicas may run on."""

    node_pools: tuple[str, ...] = ()
    """By name, in order of preference; empty for its project's default."""
    node_labels: Mapping[str, str] = field(default_factory=dict)
    node_affinity: tuple[scheduling.LabelTerm, ...] = ()
    tolerations: tuple[scheduling.Toleration, ...] = ()
    pod_affinity: scheduling.PodAffinity | None = None


def constraints_of(
    node_pools: list[str] | None,
    node_type: str | None,
    affinity: NodeAffinity | None,
    pod_affinity: PodAffinity | None,
    tolerations: list[Toleration | None] | None,
) -> Constraints:
    """The same in the scheduler's words. They must be some in which nothing is found wrong."""
    together = None
    if pod_affinity is not None and pod_affinity.type is not None:
        kind = scheduling.AffinityType(pod_affinity.type)
        together = scheduling.PodAffinity(kind, pod_affinity.key or "")
    return Constraints(
        node_pools=tuple(node_pools or ()),
        node_labels={} if node_type is None else {NODE_TYPE_LABEL: node_type},
        node_affinity=_terms(affinity),
        tolerations=tuple(_toleration(item) for _, item in given(tolerations)),
        pod_affinity=together,
    )


def node_pool_errors(names: list[str] | None, known: Sequence[str]) -> list[FieldError]:
    """Node pools that the cluster does not have, and those given twice."""
    errors = []
    seen: set[str] = set()
    for index, name in enumerate(names or ()):
        if name not in known:
            problem = f"is {name!r}; the cluster's node pools are {', '.join(known)}"
            errors.append(FieldError(f"spec.nodePools[{index}]", problem))
        elif name in seen:
            errors.append(FieldError(f"spec.nodePools[{index}]", f"gives {name!r} twice"))
        seen.add(name)
    return errors


def affinity_errors(affinity: NodeAffinity | None, path: str) -> Iterator[FieldError]:
    """Operators with the wrong number or kind of values."""
    if affinity is None:
        return
    for term_index, term in given(affinity.node_selector_terms):
        for index, expression in given(term.match_expressions):
            entry = f"{path}.nodeSelectorTerms[{term_index}].matchExpressions[{index}]"
            if expression.key is not None and not is_qualified_name(expression.key):
                yield FieldError(f"{entry}.key", QUALIFIED_NAME)
            if problem := _values_problem(expression.operator, expression.values or []):
                yield FieldError(f"{entry}.values", problem)


def toleration_errors(
    tolerations: list[Toleration | None] | None, path: str
) -> Iterator[FieldError]:
    """Values and seconds where they have no meaning, and a value missing."""
    for index, toleration in given(tolerations):
        entry = f"{path}[{index}]"
        if toleration.key and not is_qualified_name(toleration.key):
            yield FieldError(f"{entry}.key", QUALIFIED_NAME)
        if toleration.operator == "Equal" and toleration.value is None:
            yield FieldError(f"{entry}.value", "is required where operator is Equal")
        if toleration.operator == "Exists" and toleration.value:
            yield FieldError(f"{entry}.value", "must be left out where operator is Exists")
        if toleration.seconds is not None and toleration.effect != "NoExecute":
            yield FieldError(f"{entry}.seconds", "belongs to effect NoExecute only")


def _terms(affinity: NodeAffinity | None) -> tuple[scheduling.LabelTerm, ...]:
    if affinity is None:
        return ()
    return tuple(
        tuple(_rule(expression) for _, expression in given(term.match_expressions))
        for _, term in given(affinity.node_selector_terms)
    )


def _rule(expression: MatchExpression) -> scheduling.LabelRule:
    operator = scheduling.LabelOperator(expression.operator or "Exists")
    return scheduling.LabelRule(expression.key or "", operator, frozenset(expression.values or ()))


def _toleration(item: Toleration) -> scheduling.Toleration:
    effect = None if item.effect in (None, "Any") else scheduling.TaintEffect(item.effect)
    operator = scheduling.TolerationOperator(item.operator or "Equal")
    return scheduling.Toleration(item.key or "", operator, item.value or "", effect)


def _values_problem(operator: MatchOperator | None, values: list[str]) -> str | None:
    if operator in ("In", "NotIn") and not values:
        return f"must not be empty where operator is {operator}"
    if operator in ("Exists", "DoesNotExist") and values:
        return f"must be empty where operator is {operator}"
    if operator in ("Gt", "Lt") and not (len(values) == 1 and _is_whole(values[0])):
        return f"must be one whole number where operator is {operator}"
    return None


def _is_whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal() and text.isascii()
