"""What must agree in bodies of departments and projects."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from windlass.kit.errors import FieldError
from windlass.org.names import namespace_of
from windlass.org.resources import (
    NEW_POOL,
    Problem,
    Resources,
    Use,
    children_problems,
    parent_problems,
    share_problems,
    use_problems,
)
from windlass.org.schemas import ProjectCreation, ProjectUpdate, UnitUpdate
from windlass.org.tree import Pools

ByPool = Mapping[int, Resources]


def unit_errors(body: UnitUpdate, pools: Pools) -> Iterator[FieldError]:
    """What is wrong with a body beside its resources."""
    rules = body.scheduling_rules
    if rules is not None:
        for name in rules.model_fields_set:
            if getattr(rules, name) is not None:
                alias = type(rules).model_fields[name].alias
                yield FieldError(f"schedulingRules.{alias}", _NEITHER_OF_THEM)
    types = body.node_types
    if types is not None and types.training:
        yield FieldError("nodeTypes.training", _NEITHER_OF_THEM)
    if types is not None and types.workspace:
        yield FieldError("nodeTypes.workspace", _NEITHER_OF_THEM)
    known = set(pools.names.values())
    for index, name in enumerate(body.default_node_pools or ()):
        if name not in known:
            yield FieldError(
                f"defaultNodePools[{index}]",
                f"is {name!r}; the cluster's node pools are {', '.join(sorted(known))}",
            )


def project_errors(body: ProjectUpdate) -> Iterator[FieldError]:
    """What else is wrong with the body of a project."""
    if body.enforce_runai_scheduler is False:
        yield FieldError(
            "enforceRunaiScheduler", "must be true: this platform's is the only scheduler"
        )


def namespace_errors(body: ProjectCreation) -> Iterator[FieldError]:
    """A namespace that the project cannot have."""
    namespace = namespace_of(body.name)
    if body.requested_namespace not in (None, namespace):
        yield FieldError(
            "requestedNamespace",
            f"must be left out or be {namespace!r}: host names of workloads end with it",
        )


def project_problems(
    after: ByPool,
    before: ByPool,
    siblings: Sequence[ByPool],
    parent: ByPool,
    use: Mapping[int, Use],
) -> Iterator[Problem]:
    """What is wrong with what a project is to have."""
    for pool, resources in after.items():
        was = before.get(pool, NEW_POOL)
        others = [sibling.get(pool, NEW_POOL) for sibling in siblings]
        yield from share_problems(pool, resources)
        yield from parent_problems(pool, resources, was, others, parent.get(pool, NEW_POOL))
        yield from use_problems(pool, resources, was, use.get(pool, Use()))


def department_problems(
    after: ByPool, before: ByPool, children: Sequence[ByPool], use: Mapping[int, Use]
) -> Iterator[Problem]:
    """What is wrong with what a department is to have."""
    for pool, resources in after.items():
        was = before.get(pool, NEW_POOL)
        yield from share_problems(pool, resources)
        shares = [child.get(pool, NEW_POOL) for child in children]
        yield from children_problems(pool, resources, was, shares)
        yield from use_problems(pool, resources, was, use.get(pool, Use()))


def located(
    problems: Iterable[Problem], path_of: Mapping[int, str], pools: Pools, path: str
) -> list[FieldError]:
    """The problems at their places in the body; those of pools that it does not name, by name."""
    errors = []
    for problem in problems:
        entry = path_of.get(problem.pool_id)
        place = f"{entry}.{problem.resource}.{problem.field}" if entry else path or "body"
        missing = (
            ""
            if entry
            else f"leaves out node pool {pools.names[problem.pool_id]!r}, so that "
            f"{problem.resource} {problem.field} "
        )
        errors.append(FieldError(place, missing + problem.text))
    return errors


_NEITHER_OF_THEM = "is not supported: there are no workspaces or trainings here for it to bound"
