"""Who may do what, and who did, as the wire shows it."""

from typing import Any, Literal, NotRequired, TypedDict


class Role(TypedDict):
    """A named set of permissions."""

    id: int
    name: str
    description: str
    permissions: list[dict[str, Any]]


class AccessRuleRequest(TypedDict):
    """The body that gives a subject a role at a scope."""

    subjectId: str
    subjectType: str
    roleId: int
    scopeType: str
    scopeId: str


class AccessRule(AccessRuleRequest):
    """A role that a subject has at a scope."""

    id: int
    roleName: str
    scopeName: str
    createdAt: NotRequired[str]
    createdBy: NotRequired[str]


class AuditRecord(TypedDict):
    """Something that was done, or refused."""

    id: str
    timestamp: str
    subject: str
    subject_type: Literal["User", "App"]
    action: str
    result: Literal["Succeeded", "Failed"]
    http_status_code: NotRequired[int]
    entity_type: NotRequired[str]
    entity_name: NotRequired[str]
    entity_id: NotRequired[str]
    source_ip: NotRequired[str]
    request_id: NotRequired[str]
    metadata: NotRequired[dict[str, str]]


class User(TypedDict):
    """Somebody who signs in."""

    id: str
    username: str
    enabled: bool
    isLocal: bool
    groups: list[str]
    createdBy: str
    createdAt: str
    lastLogin: str | None


class NewUser(TypedDict):
    """A user who was just created; the password is told this once."""

    id: str
    username: str
    tempPassword: str
