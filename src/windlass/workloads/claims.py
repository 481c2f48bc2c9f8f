"""Hosts and ports that one workload has for itself: nobody else may have them while it is there."""

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, delete, insert, select

from windlass.kit.database import Database
from windlass.kit.errors import Conflict, FieldError, invalid_fields
from windlass.spec.hosts import reserved_because
from windlass.workloads.addresses import (
    NODE_PORT_PREFIX,
    Named,
    claimed_addresses,
    repeated_hosts,
)
from windlass.workloads.kind import DesiredWorkload
from windlass.workloads.tables import workload, workload_address


def require_sound(named: Named, desired: DesiredWorkload, domain: str) -> None:
    """Raises BadRequest where an address belongs to the platform itself, or is asked for twice."""
    errors = [
        FieldError(field, reason)
        for address, field in claimed_addresses(named, desired, domain).items()
        if (reason := reserved_because(address, domain)) is not None
    ]
    errors += [
        FieldError(field, f"must not be {host} again, which {first} has; choose another")
        for host, field, first in repeated_hosts(named, desired, domain)
    ]
    if errors:
        raise invalid_fields(errors)


def require_unclaimed(database: Database, asked: Mapping[str, str]) -> None:
    """Raises Conflict, which names the holder, where another workload has one of the addresses."""
    with database.read() as connection:
        holder = connection.execute(
            select(workload_address.c.address, workload.c.id, workload.c.type, workload.c.name)
            .join(workload, workload.c.id == workload_address.c.workload_id)
            .where(workload_address.c.address.in_(list(asked)))
        ).first()
    if holder is None:
        return
    written = holder.address.removeprefix(NODE_PORT_PREFIX)
    raise Conflict(
        f"{asked[holder.address]}: {written} is taken by {holder.type} {holder.name!r}"
        f" ({holder.id}); choose another."
    )


def claimed_node_ports(database: Database) -> set[int]:
    """Every node port that some workload has."""
    query = select(workload_address.c.address).where(
        workload_address.c.address.startswith(NODE_PORT_PREFIX)
    )
    with database.read() as connection:
        addresses = connection.execute(query).scalars().all()
    return {int(address.removeprefix(NODE_PORT_PREFIX)) for address in addresses}


def claim(connection: Connection, workload_id: str, addresses: Collection[str]) -> None:
    """Give a workload these addresses. Raises IntegrityError where one is another's."""
    if addresses:
        rows = [{"address": address, "workload_id": workload_id} for address in addresses]
        connection.execute(insert(workload_address), rows)


def release(connection: Connection, workload_id: str) -> None:
    """Let others have what the workload had for itself."""
    connection.execute(
        delete(workload_address).where(workload_address.c.workload_id == workload_id)
    )
