"""The request that things are done for: who asks, from where, and what it concerns.

It is kept in a context variable, which follows the request from the middleware that sets it into
the threads that serve it and into the transactions that they write.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import quote

_LONGEST_PATH = 1000
_LONGEST_NAME = 300
_SAFE_IN_PATH = "/:@!$&'()*+,;=-._~"


class Origin:
    """One request. Who makes it is known once its token or its credentials have been read."""

    def __init__(self, scope: Mapping[str, Any], at: float) -> None:
        """`scope` is the request's ASGI scope; `at` when it came, in seconds since the epoch."""
        self._scope = scope
        self.at = at
        self.subject = ""
        self.subject_type = ""
        self.tenant_id: int | None = None
        self.entity_id: str | None = None
        self.entity_name = ""
        self.scope_path = ""
        self.will_answer: int | None = None
        """With which status, where it is another than the operation's usual one."""
        self.refused: str | None = None
        """The permission that was lacking, such as `inferences:create`; None where none was."""

    @property
    def request_id(self) -> str:
        """What the answer's `X-Request-Id` says."""
        return str(self._scope.get("request_id", ""))

    @property
    def method(self) -> str:
        """The HTTP method."""
        return str(self._scope["method"])

    @property
    def template(self) -> str:
        """The path of the operation, with its parameters in braces; empty if there is none."""
        return str(getattr(self._scope.get("route"), "path", ""))

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What stands in the path for its parameters."""
        found: Mapping[str, Any] = self._scope.get("path_params") or {}
        return found

    @property
    def success_status(self) -> int:
        """What is answered when all goes well."""
        return self.will_answer or getattr(self._scope.get("route"), "status_code", None) or 200

    @property
    def url(self) -> str:
        """Where it was sent, without the query, which may say what is nobody's business."""
        host, port = self._scope.get("server") or ("localhost", None)
        place = f"{host}:{port}" if port else str(host)
        shown = str(self._scope["path"])[:_LONGEST_PATH]
        path = quote(shown, safe=_SAFE_IN_PATH, errors="replace")
        return f"{self._scope.get('scheme', 'http')}://{place}{path}"

    @property
    def source_address(self) -> str | None:
        """The address that the request came from, as the socket tells it."""
        client = self._scope.get("client")
        return str(client[0]) if client else None

    def made_by(self, subject: str, subject_type: str, tenant_id: int | None) -> None:
        """Say who makes the request, or claims to: `subject_type` is `user` or `app`."""
        self.subject = subject[:_LONGEST_NAME]
        self.subject_type = subject_type
        self.tenant_id = tenant_id


_current: ContextVar[Origin | None] = ContextVar("windlass_audit_origin", default=None)


def current_origin() -> Origin | None:
    """The request being served; None where nothing is, as in the controllers."""
    return _current.get()


def serve_for(origin: Origin) -> None:
    """From here on, what is done in this context is done for that request."""
    _current.set(origin)


def made_by(subject: str, subject_type: str, tenant_id: int | None = None) -> None:
    """Say who makes the current request, or claims to."""
    origin = _current.get()
    if origin is not None:
        origin.made_by(subject, subject_type, tenant_id)


def concerns(entity_name: str, entity_id: str = "", scope_path: str = "") -> None:
    """Say what the current request is about, for the record of its refusal."""
    origin = _current.get()
    if origin is not None:
        origin.refused = None
        origin.entity_name = entity_name[:_LONGEST_NAME]
        origin.entity_id = entity_id or origin.entity_id
        origin.scope_path = scope_path or origin.scope_path


def will_answer(status: int) -> None:
    """Say with which status the current request is answered, if it succeeds, where its operation
    has several: the record of it is written before it is answered."""
    origin = _current.get()
    if origin is not None:
        origin.will_answer = status


def was_refused(permission: str, scope_path: str) -> None:
    """Say that the current request lacks a permission at a scope."""
    origin = _current.get()
    if origin is not None:
        origin.refused = permission
        origin.scope_path = scope_path
