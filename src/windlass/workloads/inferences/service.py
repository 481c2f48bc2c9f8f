"""Use cases of inferences: create, show, delete."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, select
from sqlalchemy.exc import IntegrityError

from windlass.audit.origin import concerns
from windlass.engines.engine import Refusal, ReplicaTemplate
from windlass.identity.roles import Action, ResourceType
from windlass.identity.tokens import Caller
from windlass.kit.clock import Clock
from windlass.kit.database import Database
from windlass.kit.errors import BadRequest, Conflict, FieldError, NotFound, invalid_fields
from windlass.kit.ids import is_uuid
from windlass.kit.strict_json import read_json_object
from windlass.kit.timestamps import optional_to_wire, to_wire
from windlass.org.tree import (
    ProjectRecord,
    find_project,
    node_pool_names,
)
from windlass.spec.combination import Layer, combine
from windlass.spec.placement import node_pool_errors
from windlass.workloads import claims
from windlass.workloads.access import unknown
from windlass.workloads.addresses import Named, claimed_addresses
from windlass.workloads.asset_layers import AssetChanged, UsedAsset
from windlass.workloads.deletion import request_deletion
from windlass.workloads.inferences.composition import Composition, compose, unit_of
from windlass.workloads.inferences.creation import TYPE, NewInference, new_inference
from windlass.workloads.inferences.defaults import DEFAULT, defaults_of
from windlass.workloads.inferences.desired import DesiredInference, desired_of
from windlass.workloads.inferences.naming import name_errors, with_random_suffix
from windlass.workloads.inferences.node_ports import lacks_node_ports, with_node_ports
from windlass.workloads.inferences.reading import check_creation
from windlass.workloads.inferences.schemas import (
    InferenceCreationRequest,
    InferenceResponse,
    InferenceSpec,
)
from windlass.workloads.inferences.token_user import with_token_user
from windlass.workloads.introduction import Introduction
from windlass.workloads.queries import WorkloadQueries
from windlass.workloads.records import NewEvent
from windlass.workloads.secrets import find_secrets
from windlass.workloads.tables import workload
from windlass.workloads.template_layers import UnknownTemplate

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Inferences:
    """The use cases, with what they need."""

    database: Database
    queries: WorkloadQueries
    clock: Clock
    refusals: Callable[[ReplicaTemplate, str], Sequence[Refusal]]
    """Why the engine could not run a template for an owner."""
    introduction: Introduction
    wake: Callable[[], None]

    @property
    def domain(self) -> str:
        """Of workloads' hosts."""
        return self.introduction.places.domain

    def create(
        self, raw: bytes, content_type: str | None, caller: Caller, request_id: str
    ) -> dict[str, Any]:
        """Accept a new inference: once this returns, it is safe.

        Raises BadRequest, NotFound of its project, Forbidden, Conflict when the name is taken.
        """
        return self._create(read_json_object(raw, content_type), caller, request_id)

    def launch(
        self,
        template_id: str,
        raw: bytes,
        content_type: str | None,
        caller: Caller,
        request_id: str,
    ) -> dict[str, Any]:
        """The same from a template, whose id is not in the body. Raises NotFound of it, too."""
        given = _from_template(template_id, raw, content_type)
        with _template_in_path():
            return self._create(given, caller, request_id)

    def preview(self, raw: bytes, content_type: str | None, caller: Caller) -> dict[str, Any]:
        """What `create` would make, and where each value comes from; nothing is made.

        Raises what `create` raises.
        """
        return self._preview(read_json_object(raw, content_type), caller)

    def preview_launch(
        self, template_id: str, raw: bytes, content_type: str | None, caller: Caller
    ) -> dict[str, Any]:
        """The same of `launch`."""
        given = _from_template(template_id, raw, content_type)
        with _template_in_path():
            return self._preview(given, caller)

    def _create(self, given: dict[str, Any], caller: Caller, request_id: str) -> dict[str, Any]:
        event = NewEvent("Created", f"Submitted by {caller.name}.", request_id=request_id or None)
        for _ in range(_ATTEMPTS):
            with suppress(AssetChanged):
                new, desired = self._insert(self._checked(given, caller), caller, event)
                self.wake()
                workload_id, name = str(new.workload["id"]), str(new.workload["name"])
                made = _response(self.queries.record(workload_id))
                self.introduction.introduce(workload_id, Named(name, new.owner.name), desired)
                return made
        raise Conflict("assets: they changed while they were read, again and again. Try again.")

    def _preview(self, given: dict[str, Any], caller: Caller) -> dict[str, Any]:
        sound = self._checked(given, caller)
        named = Named(sound.body.name, sound.owner.name)
        claims.require_sound(named, sound.desired, self.domain)
        if not sound.body.use_given_name_as_prefix:
            self._require_free(sound.owner, sound.body.name)
            addresses = claimed_addresses(named, sound.desired, self.domain)
            claims.require_unclaimed(self.database, addresses)
        asked, *below = sound.composed.layers
        own = Layer(asked.origin, InferenceSpec.model_validate(asked.spec).submitted())
        found = Layer(DEFAULT, (sound.body.spec or InferenceSpec()).submitted())
        whole = combine(InferenceSpec, [own, *below, found, defaults_of(sound.desired)])
        origins = {f"spec.{path}": origin for path, origin in whole.origins.items()}
        return {"spec": whole.spec, "origins": origins}

    def _checked(self, given: dict[str, Any], caller: Caller) -> "_Sound":
        """A creation with which nothing is wrong but, perhaps, its name. Raises ApiError."""
        with self.database.read() as connection:
            composed = compose(
                connection, given, caller, TYPE, partial(self._owner, name="", caller=caller)
            )
        try:
            body = check_creation(composed.body)
        except BadRequest as error:
            raise composed.told(error) from None
        concerns(body.name)
        owner = self._project(body, caller, composed.owner)
        spec = with_token_user(body.spec or InferenceSpec(), caller)
        body = body.model_copy(update={"spec": spec})
        desired = desired_of(spec)
        refused = self.refusals(desired.template, owner.id)
        if refused:
            raise invalid_fields([FieldError(item.path, item.message) for item in refused])
        with self.database.read() as connection:
            read, errors = find_secrets(connection, desired.template, unit_of(owner), caller)
        if errors:
            raise invalid_fields(errors)
        used = {item.id: item for item in (*composed.used, *read)}
        return _Sound(body, composed, list(used.values()), owner, desired)

    def show(self, caller: Caller, workload_id: str) -> dict[str, Any]:
        """One inference. Raises NotFound, Forbidden."""
        return _response(self._record(caller, workload_id, Action.READ))

    def delete(self, workload_id: str, caller: Caller, request_id: str) -> None:
        """Have an inference removed; asked again while that is under way, the same.

        Raises NotFound, Forbidden.
        """
        self._record(caller, workload_id, Action.DELETE)
        event = NewEvent(
            "Deleting", f"Deletion asked for by {caller.name}.", request_id=request_id or None
        )
        now = self.clock.now()

        def request(connection: Connection) -> bool:
            kind = ResourceType.INFERENCES
            return request_deletion(connection, workload_id.lower(), kind, event, now)

        if not self.database.write(request):
            raise unknown(workload_id)
        self.wake()

    def _record(self, caller: Caller, workload_id: str, action: Action) -> Row[Any]:
        """An inference with which the caller may do that. Raises NotFound, Forbidden."""
        row = self.queries.record(workload_id)
        self.queries.access.require(caller, ResourceType.INFERENCES, action, row, workload_id)
        if row.type != TYPE:
            raise NotFound(f"The workload {workload_id!r} is not an inference.")
        return row

    def _project(
        self, body: InferenceCreationRequest, caller: Caller, known: ProjectRecord | None
    ) -> ProjectRecord:
        """The project in which the caller may create it, unless that has been found."""
        with self.database.read() as connection:
            found = known or self._owner(connection, body.project_id, body.name, caller)
            pools = node_pool_names(connection, found.cluster_id)
        if found.cluster_id != body.cluster_id.lower():
            raise BadRequest(
                f"clusterId: is {body.cluster_id!r}; the project's cluster is {found.cluster_id!r}"
            )
        errors = name_errors(body.name, found.name, bool(body.use_given_name_as_prefix))
        errors += node_pool_errors((body.spec or InferenceSpec()).node_pools, pools)
        if errors:
            raise invalid_fields(errors)
        return found

    def _owner(
        self, connection: Connection, project_id: str, name: str, caller: Caller
    ) -> ProjectRecord:
        """A project in which the caller may create inferences. Raises NotFound, Forbidden."""
        missing = NotFound(f"projectId: there is no project with the id {project_id!r}.")
        found = find_project(connection, project_id)
        if found is None:
            raise missing
        concerns(name, scope_path=found.path)
        self.queries.access.permissions.require(
            caller, ResourceType.INFERENCES, Action.CREATE, found.path, missing
        )
        return found

    def _insert(
        self, sound: "_Sound", caller: Caller, event: NewEvent
    ) -> tuple[NewInference, DesiredInference]:
        body, owner, desired = sound.body, sound.owner, sound.desired
        is_prefix = bool(body.use_given_name_as_prefix)
        for _ in range(_ATTEMPTS):
            name = with_random_suffix(body.name) if is_prefix else body.name
            named = Named(name, owner.name)
            claims.require_sound(named, desired, self.domain)
            asked = claimed_addresses(named, desired, self.domain)
            given, told = self._with_node_ports(body, desired)
            addresses = claimed_addresses(named, told, self.domain)
            new = new_inference(given, name, owner, told, addresses, caller, self.clock.now())
            try:
                self.database.write(partial(new.insert, event, sound.used, caller))
            except IntegrityError:
                claims.require_unclaimed(self.database, asked)
                if not is_prefix:
                    self._require_free(owner, name)
                continue
            return new, told
        raise Conflict(f"No free name that begins with {body.name!r} was found. Try again.")

    def _with_node_ports(
        self, body: InferenceCreationRequest, desired: DesiredInference
    ) -> tuple[InferenceCreationRequest, DesiredInference]:
        """The same, with free ports chosen for node ports that name none. Raises Conflict."""
        if body.spec is None or not lacks_node_ports(body.spec):
            return body, desired
        spec = with_node_ports(body.spec, claims.claimed_node_ports(self.database))
        return body.model_copy(update={"spec": spec}), desired_of(spec)

    def _require_free(self, owner: ProjectRecord, name: str) -> None:
        """Raises Conflict where the name is taken."""
        with self.database.read() as connection:
            holder = connection.execute(
                select(workload.c.id, workload.c.type, workload.c.phase).where(
                    workload.c.project_id == int(owner.id),
                    workload.c.name == name,
                    workload.c.deleted_at.is_(None),
                )
            ).first()
        if holder is not None:
            by = f"by {holder.type} {holder.id} ({holder.phase})"
            raise Conflict(
                f"name: {name!r} is taken in project {owner.name!r} {by}; choose another."
            )


@dataclass(frozen=True, slots=True)
class _Sound:
    """A creation that has been checked."""

    body: InferenceCreationRequest
    composed: Composition
    used: Sequence[UsedAsset]
    """The assets that it is made from or reads."""
    owner: ProjectRecord
    desired: DesiredInference


def _response(row: Row[Any]) -> dict[str, Any]:
    return InferenceResponse(
        name=row.name,
        requested_name=row.requested_name,
        workload_id=row.id,
        project_id=str(row.project_id),
        department_id=str(row.department_id),
        cluster_id=row.cluster_id,
        created_by=row.created_by,
        created_at=to_wire(row.created_at),
        deleted_at=optional_to_wire(row.deleted_at),
        desired_phase=row.desired_phase,
        actual_phase=row.phase,
        spec=row.spec,
    ).body()


def _from_template(template_id: str, raw: bytes, content_type: str | None) -> dict[str, Any]:
    given = read_json_object(raw, content_type)
    if not is_uuid(template_id):
        raise NotFound(f"There is no template with the id {template_id!r}.")
    return {**given, "templateId": template_id}


@contextmanager
def _template_in_path() -> Iterator[None]:
    """An unknown template that the path names is not found, rather than wrong in the body."""
    try:
        yield
    except UnknownTemplate as error:
        raise NotFound(error.message) from None
