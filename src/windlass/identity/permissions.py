"""What callers may do, and where: the one check that every use case makes.

A scope is a path such as `/1001/<cluster>/4500001/4500002`: a permission at a path holds for it and
for all that is below it, present and future. More than that is not known of scopes here.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from windlass.audit.origin import was_refused
from windlass.identity.access_rules import rules_of
from windlass.identity.roles import Action, Permission, ResourceType, resource_kinds, roles
from windlass.identity.tokens import Caller
from windlass.kit.database import Database
from windlass.kit.errors import ApiError, Forbidden

_MOST_CACHED = 4096


@dataclass(frozen=True, slots=True)
class Scopes:
    """Where something is permitted."""

    paths: frozenset[str]
    """It is permitted at these and everywhere below them."""
    on_the_way: frozenset[str] = frozenset()
    """It is permitted at these alone: they lie above the others."""


_NOWHERE = Scopes(frozenset())


@dataclass(frozen=True, slots=True)
class Grants:
    """All that one caller may do."""

    by_permission: Mapping[Permission, Scopes]
    known: Scopes = _NOWHERE
    """Where the caller has a permission of any kind, and the units above."""
    assignable: Mapping[int, frozenset[str]] = field(default_factory=dict)
    """By role, at which paths the caller may give it to others and take it away."""

    def allow(self, resource: ResourceType, action: Action, path: str) -> bool:
        """Whether that is permitted at the path."""
        scopes = self.by_permission.get((resource, action))
        return scopes is not None and _includes(scopes, path)

    def know(self, path: str) -> bool:
        """Whether the caller may know that there is something at the path."""
        return _includes(self.known, path)

    def require(
        self,
        resource: ResourceType,
        action: Action,
        path: str,
        hidden: ApiError | None = None,
    ) -> None:
        """As `Permissions.require`."""
        if not self.allow(resource, action, path):
            refuse(resource, action, path, None if self.know(path) else hidden)

    def require_assignable(self, role_id: int, path: str, action: Action) -> None:
        """Return if the caller may give others the role at the path, and take it away.

        Raises Forbidden.
        """
        paths = self.assignable.get(role_id, frozenset())
        if not any(covers(outer, path) for outer in paths):
            detail = f"for the role {roles()[role_id].name!r}"
            refuse(ResourceType.ACCESS_RULES, action, path, detail=detail)


class Permissions:
    """Answers what callers may do. Thread-safe.

    What a caller may do is read once and kept until access rules change. Every request says first
    which version of the rules it found, in the statement that checks its token: so a change counts
    for all requests that begin after it, whichever process made it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._cache: OrderedDict[object, tuple[Grants, int]] = OrderedDict()
        self._version = 0

    def saw_version(self, version: int) -> None:
        """Say that the rules are at this version, or a newer one."""
        if version > self._version:
            with self._lock:
                self._version = max(self._version, version)

    def require(
        self,
        caller: Caller,
        resource: ResourceType,
        action: Action,
        path: str,
        hidden: ApiError | None = None,
    ) -> None:
        """Return if the caller may do that at the path.

        Raises Forbidden if the caller may know that there is something at the path; else `hidden`,
        which is to be what is said of something that does not exist. Without it, always Forbidden.
        """
        self.of(caller).require(resource, action, path, hidden)

    def scopes(self, caller: Caller, resource: ResourceType, action: Action) -> Scopes:
        """Where the caller may do that, for the condition of a list."""
        return self.of(caller).by_permission.get((resource, action), _NOWHERE)

    def of(self, caller: Caller) -> Grants:
        """All that the caller may do."""
        key = (caller.type, caller.name, caller.groups)
        cached = self._cache.get(key)
        if cached is not None and cached[1] == self._version:
            return cached[0]
        # From before the rules are read: what changes meanwhile has another.
        version = self._version
        with self._database.read() as connection:
            grants = grants_of(rules_of(connection, caller), caller)
        with self._lock:
            self._cache[key] = grants, version
            if len(self._cache) > _MOST_CACHED:
                self._cache.popitem(last=False)
        return grants


def refuse(
    resource: ResourceType,
    action: Action,
    path: str,
    hidden: ApiError | None = None,
    detail: str = "",
) -> NoReturn:
    """Raise what tells a caller that a permission is lacking, or `hidden` in its place."""
    was_refused(f"{resource}:{action}", path)
    if hidden is not None:
        raise hidden
    wanted = f"{action} {resource} {detail}".rstrip()
    raise Forbidden(
        f"You do not have sufficient permissions: this takes the permission to {wanted} "
        "in that scope, which no access rule gives you."
    )


def grants_of(rules: Iterable[tuple[int, str]], caller: Caller) -> Grants:
    """What access rules, each a role's id and a path, add up to."""
    paths_of_role: dict[int, set[str]] = {}
    for role_id, path in rules:
        paths_of_role.setdefault(role_id, set()).add(path)
    by_permission: dict[Permission, set[str]] = {}
    assignable: dict[int, set[str]] = {}
    for role_id, paths in paths_of_role.items():
        role = roles()[role_id]
        for permission in role.permissions:
            by_permission.setdefault(permission, set()).update(paths)
        if (ResourceType.ACCESS_RULES, Action.CREATE) in role.permissions:
            for other in role.assigns:
                assignable.setdefault(other, set()).update(paths)
    everywhere = frozenset[str]().union(*paths_of_role.values())
    # Neither the whole system nor the caller's own tenant is a secret.
    above = _above(everywhere) | {f"/{caller.tenant_id}", ""}
    return Grants(
        {
            permission: _scopes(permission, frozenset(paths))
            for permission, paths in by_permission.items()
        },
        Scopes(everywhere, above),
        {role_id: frozenset(paths) for role_id, paths in assignable.items()},
    )


def covers(outer: str, inner: str) -> bool:
    """Whether the scope at path `inner` is the one at `outer` or below it."""
    return inner == outer or inner.startswith(f"{outer}/")


def _scopes(permission: Permission, paths: frozenset[str]) -> Scopes:
    resource, action = permission
    if action is Action.READ and resource_kinds()[resource].is_read_on_the_way:
        return Scopes(paths, _above(paths))
    return Scopes(paths)


def _above(paths: Iterable[str]) -> frozenset[str]:
    return frozenset(outer for path in paths for outer in _outer(path))


def _outer(path: str) -> Iterator[str]:
    """The paths that cover this one, without itself and without the whole system's."""
    while (end := path.rfind("/")) > 0:
        path = path[:end]
        yield path


def _includes(scopes: Scopes, path: str) -> bool:
    if path in scopes.on_the_way:
        return True
    paths = scopes.paths
    while path not in paths:
        if not path:
            return False
        path = path[: path.rfind("/")]
    return True
