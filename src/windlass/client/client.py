"""The operations of the API, one method each."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, cast
from urllib.parse import quote

from windlass.client.administrator import DEFAULT_DATA_DIR, Administrator
from windlass.client.assets import AssetOperations
from windlass.client.connection import Connection, Credentials, TokenSource
from windlass.client.contexts import ContextCredentials, ContextFile
from windlass.client.organisation import OrganisationOperations
from windlass.client.trust import Trust
from windlass.client.types import (
    AccessRule,
    AccessRuleRequest,
    AuditRecord,
    Cluster,
    CombinedSpec,
    Event,
    Inference,
    InferenceRequest,
    LiveWorkload,
    MachineImages,
    NewUser,
    Platform,
    Pod,
    PrunedImages,
    Role,
    RotatedKey,
    User,
    Workload,
    WorkloadPage,
)
from windlass.kit.clock import Clock
from windlass.kit.timestamps import to_wire

_PAGE_SIZE = 500
_MOST_AUDIT_RECORDS = 1000
_AUTHORIZATION = "/api/v1/authorization"
_INFERENCES = "/api/v1/workloads/inferences"
_USERS = "/api/v1/users"
_WORKLOADS = "/api/v1/workloads"


class Client(OrganisationOperations, AssetOperations):
    """One platform. Every method raises ApiError, BadAnswer or Unreachable.

    A client keeps connections open and is for one thread; close it, or use it in a `with`.
    """

    def __init__(
        self,
        url: str,
        credentials: TokenSource,
        *,
        timeout_seconds: float = 30.0,
        clock: Clock | None = None,
        why_silent: Callable[[], str] | None = None,
        trust: Trust | None = None,
        connect_to: str | None = None,
    ) -> None:
        """`why_silent` gives a sentence that is added to the error when nothing answers; `trust`
        says which certificate counts, by default what this machine trusts; `connect_to` is another
        address of the platform, by which to reach it."""
        self._connection = Connection(
            url,
            credentials,
            timeout_seconds=timeout_seconds,
            clock=clock,
            why_silent=why_silent,
            trust=trust,
            connect_to=connect_to,
        )

    @classmethod
    def from_data_dir(
        cls, data_dir: Path = DEFAULT_DATA_DIR, *, timeout_seconds: float = 30.0
    ) -> Self:
        """A client of the platform on this machine with that data directory.

        Raises NoPlatform when there is none.
        """
        return cls.from_administrator(Administrator.read(data_dir), timeout_seconds=timeout_seconds)

    @classmethod
    def from_administrator(
        cls, administrator: Administrator, *, timeout_seconds: float = 30.0
    ) -> Self:
        """A client of the platform that an `admin.json` describes."""
        certificate = administrator.certificate_authority
        return cls(
            administrator.url,
            Credentials(administrator.client_id, administrator.client_secret),
            timeout_seconds=timeout_seconds,
            why_silent=lambda: _why_silent(administrator),
            trust=None if certificate is None else Trust(Path(certificate), is_own=True),
            connect_to=administrator.local_url,
        )

    @classmethod
    def from_context(
        cls,
        name: str | None = None,
        file: ContextFile | None = None,
        *,
        timeout_seconds: float = 30.0,
    ) -> Self:
        """A client of a platform that `windlass login` signed in to; None is the current one.

        Raises NoContext where there is none.
        """
        found = file or ContextFile.default()
        context = found.get(name)
        credentials = ContextCredentials(found, context.name)
        return cls(context.url, credentials, timeout_seconds=timeout_seconds, trust=context.trust)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The platform's address, without a slash at its end."""
        return self._connection.url

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def token(self) -> str:
        """A valid access token."""
        return self._connection.token()

    def logout(self) -> None:
        """End this sign-in: its tokens count no more."""
        self._connection.request("POST", "/api/v1/logout")

    def users(self, *, filter_by: Sequence[str] = (), search: str | None = None) -> Iterator[User]:
        """Every user who fits, by name."""
        parameters = {"limit": str(_PAGE_SIZE), "sortBy": "username"}
        if filter_by:
            parameters["filterBy"] = ",".join(filter_by)
        if search:
            parameters["search"] = search
        offset = 0
        while True:
            page = self._connection.request(
                "GET", _USERS, parameters={**parameters, "offset": str(offset)}
            )
            yield from page
            if len(page) < _PAGE_SIZE:
                return
            offset += _PAGE_SIZE

    def create_user(self, email: str, *, temporary: bool = True) -> NewUser:
        """A new user, with a password that is told this once."""
        body = {"email": email, "resetPassword": temporary}
        return cast(NewUser, self._connection.request("POST", _USERS, body=body))

    def enable_user(self, user_id: str, *, enabled: bool) -> User:
        """Let a user sign in, or not any more."""
        path = f"{_USERS}/{quote(user_id, safe='')}"
        return cast(User, self._connection.request("PATCH", path, body={"enabled": enabled}))

    def reset_password(self, user_id: str) -> str:
        """A temporary password in the place of a user's own."""
        path = f"{_USERS}/{quote(user_id, safe='')}/password"
        return str(self._connection.request("POST", path)["tempPassword"])

    def sign_out_user(self, user_id: str) -> None:
        """End a user's sign-ins everywhere."""
        self._connection.request("POST", f"{_USERS}/{quote(user_id, safe='')}/logout")

    def delete_user(self, user_id: str) -> None:
        """Remove a user."""
        self._connection.request("DELETE", f"{_USERS}/{quote(user_id, safe='')}")

    def platform(self) -> Platform:
        """The platform itself: version, engine, gateway, controllers."""
        return cast(Platform, self._get("/api/v1/platform"))

    def images(self) -> MachineImages:
        """The images on this machine."""
        return cast(MachineImages, self._get("/api/v1/platform/images"))

    def rotate_sealing_key(self) -> RotatedKey:
        """Seal the secrets in the store with a new key."""
        answer = self._connection.request("POST", "/api/v1/platform/keys/rotate")
        return cast(RotatedKey, answer)

    def prune_images(self) -> PrunedImages:
        """Remove images that the platform pulled and nothing uses."""
        answer = self._connection.request("POST", "/api/v1/platform/images/prune")
        return cast(PrunedImages, answer)

    def clusters(self) -> list[Cluster]:
        """Every cluster."""
        return cast(list[Cluster], self._get("/api/v1/clusters"))

    def roles(self) -> list[Role]:
        """Every role that can be given."""
        return cast(list[Role], self._get(f"{_AUTHORIZATION}/roles"))

    def access_rules(self, *, filter_by: Sequence[str] = ()) -> Iterator[AccessRule]:
        """Every access rule that the caller may see; filters as in `workload_page`."""
        return self._every_rule(f"{_AUTHORIZATION}/access-rules", filter_by, lambda page: page)

    def own_access_rules(self) -> Iterator[AccessRule]:
        """Every access rule that holds for the caller."""
        path = f"{_AUTHORIZATION}/me/access-rules"
        return self._every_rule(path, (), lambda page: page["accessRules"])

    def create_access_rule(self, request: AccessRuleRequest) -> AccessRule:
        """Give a subject a role at a scope."""
        path = f"{_AUTHORIZATION}/access-rules"
        return cast(AccessRule, self._connection.request("POST", path, body=request))

    def delete_access_rule(self, rule_id: int) -> None:
        """Take a role away again. Raises NotFound."""
        self._connection.request("DELETE", f"{_AUTHORIZATION}/access-rules/{rule_id}")

    def audit_log(
        self, start: float, end: float, *, limit: int = 20, filter_by: Sequence[str] = ()
    ) -> list[AuditRecord]:
        """What was done from `start` on and before `end`, in seconds since the epoch: the newest
        `limit` records, newest first."""
        found: list[AuditRecord] = []
        parameters = {
            "start": to_wire(start),
            "end": to_wire(end),
            "sortOrder": "desc",
            "filterBy": ",".join(filter_by),
        }
        while len(found) < limit:
            wanted = min(_MOST_AUDIT_RECORDS, limit - len(found))
            page = {"offset": str(len(found)), "numberOfSamples": str(wanted)}
            given = {name: value for name, value in {**parameters, **page}.items() if value}
            answer = self._get("/api/v1/audit/log", given)
            found += answer["audit_logs"]
            if "next" not in answer:
                break
        return found

    def create_inference(self, request: InferenceRequest) -> Inference:
        """Ask for an inference workload; it is kept, and not yet running, when this returns."""
        return cast(Inference, self._connection.request("POST", _INFERENCES, body=request))

    def preview_inference(self, request: InferenceRequest) -> CombinedSpec:
        """What `create_inference` would ask for, with all that comes from a template and assets."""
        answer = self._connection.request(
            "POST", _INFERENCES, parameters={"dryRun": "true"}, body=request
        )
        return cast(CombinedSpec, answer)

    def inference(self, workload_id: str) -> Inference:
        """An inference workload with its specification. Raises NotFound."""
        return cast(Inference, self._get(f"{_INFERENCES}/{_segment(workload_id)}"))

    def delete_inference(self, workload_id: str) -> None:
        """Ask for the end of an inference workload, which takes a while. Raises NotFound."""
        self._connection.request("DELETE", f"{_INFERENCES}/{_segment(workload_id)}")

    def workload(self, workload_id: str) -> Workload:
        """A workload with its phase. Raises NotFound."""
        return cast(Workload, self._get(f"{_WORKLOADS}/{_segment(workload_id)}"))

    def workload_page(
        self,
        *,
        offset: int = 0,
        limit: int = 50,
        filter_by: Sequence[str] = (),
        sort_by: str | None = None,
        sort_order: Literal["asc", "desc"] | None = None,
        search: str | None = None,
        deleted: bool = False,
    ) -> WorkloadPage:
        """At most `limit` (1 to 500) workloads from `offset` on.

        Each of `filter_by` is `<field><operator><value>`, such as `phase==Running`; all hold.
        """
        parameters = _list_parameters(filter_by, sort_by, sort_order, search, deleted)
        page = {**parameters, "offset": str(offset), "limit": str(limit)}
        return cast(WorkloadPage, self._get(_WORKLOADS, page))

    def workloads(
        self,
        *,
        filter_by: Sequence[str] = (),
        sort_by: str | None = None,
        sort_order: Literal["asc", "desc"] | None = None,
        search: str | None = None,
        deleted: bool = False,
    ) -> Iterator[Workload]:
        """Every workload, asked for page by page as they are taken; as in `workload_page`."""
        parameters = _list_parameters(filter_by, sort_by, sort_order, search, deleted)
        return self._every(_WORKLOADS, "workloads", parameters)

    def live(self, *, filter_by: Sequence[str] = ()) -> Iterator[LiveWorkload]:
        """What every workload is doing right now. Rates come with the second call within ten
        seconds, and are then of the time since the one before."""
        parameters = _list_parameters(filter_by, None, None, None, deleted=False)
        return self._every(f"{_WORKLOADS}/live", "workloads", parameters)

    def pods(self, workload_id: str) -> list[Pod]:
        """Every start of a replica that has not ended, newest first. Raises NotFound."""
        return list(self._every(f"{_WORKLOADS}/{_segment(workload_id)}/pods", "pods", {}))

    def ended_pods(self, workload_id: str, limit: int = 50) -> list[Pod]:
        """The newest `limit` (1 to 500) starts of replicas that ended. Raises NotFound."""
        parameters = {"deleted": "true", "limit": str(limit)}
        answer = self._get(f"{_WORKLOADS}/{_segment(workload_id)}/pods", parameters)
        return cast(list[Pod], answer["pods"])

    def events(self, workload_id: str, limit: int = 50) -> list[Event]:
        """The newest `limit` (1 to 500) events of a workload, newest first. Raises NotFound."""
        parameters = {"limit": str(limit), "sortOrder": "desc"}
        answer = self._get(f"{_WORKLOADS}/{_segment(workload_id)}/events", parameters)
        return cast(list[Event], answer["events"])

    def logs(
        self, workload_id: str, pod_id: str, *, follow: bool = False, tail: int | None = None
    ) -> AbstractContextManager[Iterator[str]]:
        """The lines of a pod's log, the last `tail` of them; with `follow`, also those to come.

        A context manager, whose end closes the stream. Raises NotFound on entry.
        """
        path = f"{_WORKLOADS}/{_segment(workload_id)}/pods/{_segment(pod_id)}/logs"
        parameters = {"follow": "true" if follow else "false"}
        if tail is not None:
            parameters["tail"] = str(tail)
        return self._connection.stream(path, parameters)

    def _get(self, path: str, parameters: Mapping[str, str] | None = None) -> Any:
        return self._connection.request("GET", path, parameters=parameters)

    def _every_rule(
        self, path: str, filter_by: Sequence[str], part: Callable[[Any], Any]
    ) -> Iterator[AccessRule]:
        offset = 0
        while True:
            parameters = {"offset": str(offset), "limit": str(_PAGE_SIZE)}
            if filter_by:
                parameters["filterBy"] = ",".join(filter_by)
            page = part(self._get(path, parameters))
            yield from page["accessRules"]
            offset += page["displayRecords"]
            if not page["displayRecords"] or offset >= page["totalRecords"]:
                return

    def _every(self, path: str, collection: str, parameters: Mapping[str, str]) -> Iterator[Any]:
        offset = 0
        while True:
            page = self._get(path, {**parameters, "offset": str(offset), "limit": str(_PAGE_SIZE)})
            yield from page[collection]
            following = page.get("next")
            if not following or following <= offset:
                return
            offset = following


def _list_parameters(
    filter_by: Sequence[str],
    sort_by: str | None,
    sort_order: str | None,
    search: str | None,
    deleted: bool,
) -> dict[str, str]:
    parameters = {
        "filterBy": ",".join(filter_by),
        "sortBy": sort_by,
        "sortOrder": sort_order,
        "search": search,
        "deleted": "true" if deleted else None,
    }
    return {name: value for name, value in parameters.items() if value}


def _segment(text: str) -> str:
    return quote(text, safe="")


def _why_silent(administrator: Administrator) -> str:
    if not administrator.runs():
        return (
            "The platform's control plane is not running; what it deployed may still be serving. "
            f"Start it with: windlass up --data-dir {administrator.data_dir}"
        )
    return f"Its process {administrator.pid} is there, though: it may be starting or overloaded."
