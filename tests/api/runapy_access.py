"""Every operation on roles, access rules, permissions and the audit log, by the vendor's client.

`runapy_access.py URL CLIENT_ID CLIENT_SECRET PROJECT_ID SUBJECT` is run where `import runai` gives
one version of it, and prints what it saw as JSON.
"""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from runai.api_client import ApiClient
from runai.configuration import Configuration
from runai.exceptions import ApiException
from runai.runai_client import RunaiClient

ML_ENGINEER = 9
VIEWER = 4


def main(url: str, client_id: str, secret: str, project_id: str, subject: str) -> dict[str, Any]:
    """What was seen on the way."""
    configuration = Configuration(client_id=client_id, client_secret=secret, runai_base_url=url)
    client = RunaiClient(ApiClient(configuration))
    groups = [client, *(getattr(client, name) for name in dir(client) if name[0] != "_")]

    def api(name: str) -> Any:
        return next(getattr(group, name) for group in groups if hasattr(group, name))

    return {
        **roles(api("roles")),
        **rules(api("access_rules"), project_id, subject),
        **own(api("permissions"), api("me")),
        **log(api("audit_logs"), subject),
    }


def roles(api: Any) -> dict[str, Any]:
    """List and show."""
    return {
        "roles": [role["name"] for role in api.get_roles_v1().data],
        "role": api.get_role_v1(ML_ENGINEER).data["name"],
    }


def rules(api: Any, project_id: str, subject: str) -> dict[str, Any]:
    """Create, show, list, count, delete, and both batches."""
    fields = {
        "subjectId": subject,
        "subjectType": "user",
        "roleId": ML_ENGINEER,
        "scopeId": project_id,
        "scopeType": "project",
    }
    created = api.create_access_rule(fields).data
    taken = status(lambda: api.create_access_rule(fields))
    only = {"filter_by": [f"subjectId=={subject}"]}
    seen = {
        "created": created,
        "taken": taken,
        "shown": api.get_access_rule(created["id"]).data,
        "listed": api.get_access_rules(**only).data,
        "count": api.count_access_rules(**only).data,
    }
    payload = {
        "roleId": VIEWER,
        "subjects": [{"subjectId": subject, "subjectType": "user"}],
        "scopes": [{"scopeId": project_id, "scopeType": "project"}],
    }
    many = api.access_rules_batch_create({"payload": payload}).data
    number = many["succeeded"][0]["id"]
    ids = [f"00000000-0000-0000-0000-{number:012x}"]
    seen["many"] = many
    seen["gone"] = api.access_rules_batch({"ids": ids, "action": "delete"}).data
    api.delete_access_rule(created["id"])
    seen["missing"] = status(lambda: api.get_access_rule(created["id"]))
    return seen


def own(permissions: Any, me: Any) -> dict[str, Any]:
    """What the caller may do."""
    question = {"resourceType": "inferences", "action": "create"}
    return {
        "permissions": [item["resourceType"] for item in permissions.get_permissions().data],
        "scopes": permissions.get_permitted_scopes(question).data,
        "own": me.get_me_access_rules().data,
        "own_count": me.count_me_access_rules().data,
    }


def log(api: Any, subject: str) -> dict[str, Any]:
    """The log and its file."""
    now = datetime.now(UTC)
    period = {"start": now - timedelta(hours=1), "end": now + timedelta(minutes=1)}
    only = [f"entity_name=@{subject}"]
    return {
        "log": api.get_audit_logs(**period, filter_by=only).data,
        "file": api.download_audit_logs(**period, filter_by=only, file_type="JSON").data,
    }


def status(call: Callable[[], Any]) -> int:
    """The status with which a call is refused; 0 if it is not."""
    try:
        call()
    except ApiException as error:
        return int(error.status)
    return 0


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
