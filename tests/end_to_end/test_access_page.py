"""`docs/access.md`, followed word for word on an empty platform."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.platforms import PATIENCE_SECONDS, ROOT, Platform, running

PAGE = ROOT / "docs" / "access.md"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Somebody's home, with the platform where commands look for it."""
    return tmp_path / "home"


@pytest.fixture
def own(home: Path) -> Iterator[Platform]:
    data_dir = home / ".local" / "share" / "windlass"
    data_dir.parent.mkdir(parents=True)
    yield from running(data_dir)


def type_in(home: Path, block: str) -> "subprocess.CompletedProcess[str]":
    """Type what the page shows, in a shell."""
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WINDLASS_")}
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", block],
        cwd=home,
        env={**kept, "HOME": str(home), "PATH": programs, "XDG_CONFIG_HOME": str(home / ".config")},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def test_from_an_empty_platform_to_two_departments_and_a_refusal_on_record(
    home: Path, own: Platform
) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    tree, people, signing_in, deploying, refused, reading = blocks
    for block in (tree, people, signing_in, deploying):
        done = type_in(home, block)
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        if block == signing_in:
            assert "ML engineer in project vision" in done.stdout
    assert re.search(r"hello +vision +Running", done.stdout)

    denied = type_in(home, refused)
    assert denied.returncode == 1
    assert "sufficient permissions" in denied.stderr

    done = type_in(home, reading)
    assert done.returncode == 0, done.stderr
    lines = [re.split(r" {2,}", line) for line in done.stdout.splitlines()]
    seen = [(line[1], line[3], line[4], line[5], line[6]) for line in lines if len(line) > 6]
    ada = "ada@example.org"
    assert (ada, "create", "inferences", "hello", "Succeeded (202)") in seen
    assert seen.count((ada, "create", "inferences", "hello", "Failed (403)")) == 2, "in both lists"

    check_taking_away(home, own)
    (deployed,) = own.get("/api/v1/workloads")["workloads"]
    assert (deployed["projectName"], deployed["submittedBy"]) == ("vision", ada)


def check_taking_away(home: Path, own: Platform) -> None:
    """Roles are listed, and end at once when their rules are deleted."""
    as_administrator = f"--data-dir {own.data_dir}"
    roles = type_in(home, f"windlass access roles {as_administrator}")
    assert "ML engineer" in roles.stdout
    command = f"windlass access list {as_administrator} --subject ada@example.org --json"
    rules = json.loads(type_in(home, command).stdout)
    assert {rule["roleName"] for rule in rules} == {"ML engineer", "Viewer"}
    assert "hello" in type_in(home, "WINDLASS_CONTEXT=ada windlass ls").stdout
    ids = " ".join(str(rule["id"]) for rule in rules)
    deleted = type_in(home, f"windlass access delete {ids} {as_administrator}")
    assert deleted.returncode == 0, deleted.stderr
    assert "hello" not in type_in(home, "WINDLASS_CONTEXT=ada windlass ls").stdout
    missing = type_in(
        home, f"windlass access create x@example.org --role Nobody {as_administrator}"
    )
    assert missing.returncode == 1
    assert "Viewer" in missing.stderr, "the roles there are"
