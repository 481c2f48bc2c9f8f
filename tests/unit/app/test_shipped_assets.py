"""What ships is there from the first start on, is sound, and follows the version."""

from pathlib import Path

import pytest
from sqlalchemy import select, update

from windlass.app.bootstrap import lay_foundation
from windlass.app.data_directory import DataDirectory
from windlass.assets.kinds import KINDS
from windlass.assets.shipped import Shipped, shipped_assets
from windlass.assets.tables import asset
from windlass.kit.clock import SystemClock
from windlass.kit.database import Database
from windlass.spec.model import structural_errors
from windlass.workloads.inferences.asset_objections import inference_objections

EVERY = pytest.mark.parametrize(
    "shipped", list(shipped_assets()), ids=lambda shipped: f"{shipped.kind}-{shipped.name}"
)


@EVERY
def test_what_ships_is_sound_and_can_be_used(shipped: Shipped) -> None:
    kind = next(kind for kind in KINDS if kind.name == shipped.kind)
    spec = shipped.body.spec
    assert not list(structural_errors(spec, "spec"))
    assert not list(kind.errors(spec, "spec"))
    assert not inference_objections(kind.name, spec.submitted())
    assert shipped.body.meta.description


def test_a_start_brings_in_what_ships_and_what_changed_of_it(
    database: Database, tmp_path: Path
) -> None:
    data = DataDirectory(tmp_path / "data")
    data.prepare()

    def start() -> dict[tuple[str, str], object]:
        lay_foundation(data, database, "example.org", SystemClock())
        with database.read() as connection:
            rows = connection.execute(select(asset).where(asset.c.scope == "system")).all()
        return {(row.kind, row.name): row._mapping for row in rows}

    first = start()
    assert set(first) == {(shipped.kind, shipped.name) for shipped in shipped_assets()}
    assert start() == first
    older = update(asset).where(asset.c.name == "half-gpu").values(spec={"cpuCoreRequest": 9})
    database.write(lambda connection: connection.execute(older))
    again = start()
    spec = again["compute", "half-gpu"]["spec"]  # type: ignore[index]
    assert spec == first["compute", "half-gpu"]["spec"]  # type: ignore[index]
    assert len(again) == len(first)


def test_a_name_that_somebody_took_stays_theirs(database: Database, tmp_path: Path) -> None:
    data = DataDirectory(tmp_path / "data")
    data.prepare()
    lay_foundation(data, database, "example.org", SystemClock())
    taken = update(asset).where(asset.c.name == "half-gpu")
    database.write(lambda c: c.execute(taken.values(scope="tenant", scope_path="/1001", spec={})))
    lay_foundation(data, database, "example.org", SystemClock())
    with database.read() as connection:
        rows = connection.execute(select(asset).where(asset.c.name == "half-gpu")).all()
    assert [(row.scope, row.spec) for row in rows] == [("tenant", {})]
