"""How audit records look on the wire: one by one, and as a file."""

import csv
import io
import ipaddress
import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row

from windlass.kit.timestamps import to_wire

_COLUMNS = (
    "timestamp",
    "subject",
    "subject_type",
    "source_ip",
    "action",
    "http_method",
    "url",
    "entity_type",
    "entity_name",
    "entity_id",
    "result",
    "http_status_code",
    "cluster_name",
    "cluster_id",
    "tenant_id",
    "request_id",
    "id",
    "metadata",
)
# What spreadsheets take for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def audit_view(row: Row[Any], tenant_id: int) -> dict[str, Any]:
    """One record."""
    view = {
        "id": row.id,
        "timestamp": to_wire(row.at),
        "tenant_id": str(tenant_id if row.tenant_id is None else row.tenant_id),
        "subject": row.subject,
        "subject_type": row.subject_type,
        "action": row.action,
        "http_method": row.http_method,
        "url": row.url,
        "entity_type": row.entity_type,
        "entity_name": row.entity_name,
        "entity_id": row.entity_id,
        "result": row.result,
        "http_status_code": row.http_status_code,
        "request_id": row.request_id,
    }
    metadata = dict(row.details)
    if row.scope_path:
        metadata["scope"] = row.scope_path
    if row.cluster_id is not None:
        view["cluster_id"] = row.cluster_id
    if row.cluster_name is not None:
        view["cluster_name"] = row.cluster_name
    if row.source_address is not None:
        # The published field takes addresses of the older kind only.
        if _is_ipv4(row.source_address):
            view["source_ip"] = row.source_address
        else:
            metadata["source_address"] = row.source_address
    return {**view, "metadata": metadata}


def as_json(views: Iterable[dict[str, Any]]) -> bytes:
    """A file with a list of records."""
    return json.dumps(list(views), ensure_ascii=False, indent=2).encode() + b"\n"


def as_csv(views: Iterable[dict[str, Any]]) -> bytes:
    """A file after RFC 4180, with a line of names first; no cell begins a formula."""
    text = io.StringIO(newline="")
    lines = csv.writer(text)
    lines.writerow(_COLUMNS)
    for view in views:
        lines.writerow([_cell(view.get(name)) for name in _COLUMNS])
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _is_ipv4(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).version == 4
    except ValueError:
        return False
