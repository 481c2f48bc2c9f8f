"""`windlass access log`: what was done, and what was refused."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from windlass.cli.output import print_json, print_table
from windlass.cli.target import client_of
from windlass.client.types import AuditRecord

_HOUR_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class LogSelection:
    """Which records are asked for."""

    hours: float
    subject: str | None
    only_failed: bool
    limit: int

    def filters(self) -> list[str]:
        """As the API takes them."""
        filters = []
        if self.subject is not None:
            filters.append(f"subject=={self.subject}")
        if self.only_failed:
            filters.append("result==Failed")
        return filters


def run(data_dir: Path, selection: LogSelection, as_json: bool) -> int:
    """Print the newest of the records selected; finding none is no failure."""
    now = time.time()
    with client_of(data_dir) as client:
        newest = client.audit_log(
            now - selection.hours * _HOUR_SECONDS,
            now + 1,
            limit=selection.limit,
            filter_by=selection.filters(),
        )
    found = list(reversed(newest))
    if as_json:
        print_json(found)
    elif not found:
        print("There is no record like that.")
    else:
        headings = ("WHEN", "WHO", "FROM", "DID", "TO", "NAME", "RESULT")
        print_table(headings, [_row(record) for record in found])
    return 0


def _row(record: AuditRecord) -> Sequence[str]:
    return (
        record["timestamp"][:19] + "Z",
        record["subject"],
        record.get("source_ip", ""),
        record["action"],
        record.get("entity_type", ""),
        record.get("entity_name") or record.get("entity_id", ""),
        f"{record['result']} ({record.get('http_status_code')})",
    )
