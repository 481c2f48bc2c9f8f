"""Which nodes let a workload in: labels, node affinity, taints and tolerations.

Source: Kubernetes, `k8s.io/component-helpers/scheduling/corev1` (node affinity, tolerations).
"""

from collections.abc import Mapping

from windlass.scheduling.model import (
    LabelOperator,
    LabelRule,
    LabelTerm,
    Node,
    Taint,
    TaintEffect,
    Toleration,
    TolerationOperator,
    Workload,
)


def lets_in(node: Node, workload: Workload) -> bool:
    """Whether the node has the labels asked for, and the taints that would keep the workload off
    are tolerated."""
    return has_labels(node.labels, workload) and not any(
        keeps_off(taint, workload) for taint in node.taints
    )


def keeps_off(taint: Taint, workload: Workload) -> bool:
    """Whether the taint keeps the workload off its node."""
    avoided_only = taint.effect is TaintEffect.PREFER_NO_SCHEDULE
    return not avoided_only and not is_tolerated(taint, workload)


def is_avoided(node: Node, workload: Workload) -> bool:
    """Whether the workload takes the node only where no other has room."""
    return any(
        taint.effect is TaintEffect.PREFER_NO_SCHEDULE and not is_tolerated(taint, workload)
        for taint in node.taints
    )


def has_labels(labels: Mapping[str, str], workload: Workload) -> bool:
    """Whether a node with these labels is one that the workload asks for."""
    if any(labels.get(key) != value for key, value in workload.node_labels.items()):
        return False
    terms = workload.node_affinity
    return not terms or any(meets_term(labels, term) for term in terms)


def meets_term(labels: Mapping[str, str], term: LabelTerm) -> bool:
    """Whether the labels meet all rules of the term, and there are some."""
    return bool(term) and all(meets(labels, rule) for rule in term)


def meets(labels: Mapping[str, str], rule: LabelRule) -> bool:
    """Whether the labels meet the rule. A missing label has none of the values, and neither it nor
    one that is no whole number is greater or less than any."""
    value = labels.get(rule.key)
    match rule.operator:
        case LabelOperator.IN:
            return value in rule.values
        case LabelOperator.NOT_IN:
            return value not in rule.values
        case LabelOperator.EXISTS:
            return value is not None
        case LabelOperator.DOES_NOT_EXIST:
            return value is None
        case LabelOperator.GT | LabelOperator.LT:
            return _compares(value, rule)


def is_tolerated(taint: Taint, workload: Workload) -> bool:
    """Whether one of the workload's tolerations is for the taint."""
    return any(tolerates(toleration, taint) for toleration in workload.tolerations)


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Whether the toleration is for the taint: by effect, key, and value unless any will do."""
    if toleration.effect not in (None, taint.effect):
        return False
    if toleration.key not in ("", taint.key):
        return False
    return toleration.operator is TolerationOperator.EXISTS or toleration.value == taint.value


def _compares(value: str | None, rule: LabelRule) -> bool:
    (wanted,) = rule.values
    number, bound = _whole_number(value), _whole_number(wanted)
    if number is None or bound is None:
        return False
    return number > bound if rule.operator is LabelOperator.GT else number < bound


def _whole_number(text: str | None) -> int | None:
    if text is None or not text.isascii() or not text.removeprefix("-").isdecimal():
        return None
    return int(text)
