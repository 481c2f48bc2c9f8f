"""What a supervisor does for nobody before it is needed."""

import os
from collections.abc import Mapping
from typing import Any

from windlass.kit.supervision.program.rehearsal import SPECIFICATION, rehearse
from windlass.kit.supervision.specification import Probe, Specification, User


def test_it_reads_every_field_that_a_specification_has() -> None:
    whole = Specification("id", user=User(1, 1), probe=Probe()).to_json()
    assert _names(whole) == _names(SPECIFICATION)


def test_it_leaves_nothing_behind() -> None:
    before = os.listdir("/proc/self/fd")
    rehearse()
    assert os.listdir("/proc/self/fd") == before


def _names(content: Mapping[str, Any]) -> dict[str, Any]:
    return {name: sorted(content[name]) if name in ("user", "probe") else None for name in content}
