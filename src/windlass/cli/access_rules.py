"""`windlass access roles|list|create|delete`."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from windlass.cli.configuration import BadOption
from windlass.cli.output import print_json, print_table
from windlass.cli.target import client_of
from windlass.cli.wording import age
from windlass.client import Client, ClientError
from windlass.client.types import AccessRule, AccessRuleRequest, OrgUnit, Role

_KINDS = {"user": "user", "app": "app", "group": "group", "service-account": "service-account"}


class NoSuchName(ClientError):
    """Nothing has that name."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a role holds, as typed; exactly one of them is given."""

    project: str | None
    department: str | None
    cluster: str | None
    everywhere: bool

    def scope(self, client: Client) -> tuple[str, str]:
        """The scope's type and id. Raises BadOption, NoSuchName."""
        given = [self.project, self.department, self.cluster, self.everywhere or None]
        if sum(place is not None for place in given) != 1:
            raise BadOption("say where: one of --project, --department, --cluster and --everywhere")
        if self.project is not None:
            return "project", _unit_id(client.projects(), "project", self.project)
        if self.department is not None:
            return "department", _unit_id(client.departments(), "department", self.department)
        clusters = client.clusters()
        if self.cluster is None:
            return "tenant", str(clusters[0]["tenantId"])
        for found in clusters:
            if self.cluster in (found["name"], found["uuid"]):
                return "cluster", found["uuid"]
        raise NoSuchName(f"There is no cluster {self.cluster!r} that you may see.")


def run_roles(data_dir: Path, as_json: bool) -> int:
    """Print every role."""
    with client_of(data_dir) as client:
        found = client.roles()
    if as_json:
        print_json(found)
        return 0
    print_table(("ROLE", "ID", "WHAT FOR"), [_role_row(role) for role in found])
    return 0


def run_list(
    data_dir: Path, *, subject: str | None, role: str | None, own: bool, as_json: bool
) -> int:
    """Print the rules selected; finding none is no failure."""
    filters = []
    if subject is not None:
        filters.append(f"subjectId=={subject}")
    if role is not None:
        filters.append(f"roleName=={role}")
    with client_of(data_dir) as client:
        found = client.own_access_rules() if own else client.access_rules(filter_by=filters)
        rules = list(found)
    if as_json:
        print_json(rules)
    elif not rules:
        print("There is no access rule like that that you may see.")
    else:
        _print(rules)
    return 0


def run_create(
    data_dir: Path, subject: str, kind: str, role: str, place: Place, as_json: bool
) -> int:
    """Give a role. Raises BadOption, NoSuchName."""
    if kind not in _KINDS:
        raise BadOption(f"--kind {kind!r} is none of {', '.join(_KINDS)}")
    with client_of(data_dir) as client:
        role_id = _role_id(client.roles(), role)
        scope_type, scope_id = place.scope(client)
        request: AccessRuleRequest = {
            "subjectId": subject,
            "subjectType": kind,
            "roleId": role_id,
            "scopeType": scope_type,
            "scopeId": scope_id,
        }
        made = client.create_access_rule(request)
    if as_json:
        print_json(made)
    else:
        where = f"{made['scopeType']} {made['scopeName']}"
        print(f"{subject} is now {made['roleName']} in the {where} (rule {made['id']}).")
    return 0


def run_delete(data_dir: Path, ids: Sequence[int]) -> int:
    """End rules one after the other."""
    with client_of(data_dir) as client:
        for rule_id in ids:
            client.delete_access_rule(rule_id)
            print(f"The access rule {rule_id} is deleted.")
    return 0


def _unit_id(units: Iterable[OrgUnit], kind: str, wanted: str) -> str:
    found = [unit for unit in units if wanted in (unit["name"], unit["id"])]
    if not found:
        raise NoSuchName(f"There is no {kind} {wanted!r} that you may see.")
    if len(found) > 1:
        ids = ", ".join(unit["id"] for unit in found)
        raise BadOption(f"--{kind} {wanted!r} is the name of several; say which by its id: {ids}")
    return found[0]["id"]


def _role_id(roles: Sequence[Role], wanted: str) -> int:
    for role in roles:
        if wanted in (role["name"], str(role["id"])):
            return role["id"]
    names = ", ".join(role["name"] for role in roles)
    raise NoSuchName(f"There is no role {wanted!r}. Roles: {names}.")


def _role_row(role: Role) -> Sequence[str]:
    return role["name"], str(role["id"]), role["description"]


def _print(rules: Sequence[AccessRule]) -> None:
    now = time.time()
    headings = ("ID", "SUBJECT", "KIND", "ROLE", "WHERE", "AGE")
    rows = [
        (
            str(rule["id"]),
            rule["subjectId"],
            rule["subjectType"],
            rule["roleName"],
            f"{rule['scopeType']} {rule['scopeName']}",
            age(rule["createdAt"], now) if "createdAt" in rule else "",
        )
        for rule in rules
    ]
    print_table(headings, rows)
