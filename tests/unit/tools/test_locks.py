"""The locks hold what pyproject.toml asks for, hashed, and name no place to fetch it from."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))


def pins(lock: str) -> set[tuple[str, str]]:
    """Name and version of everything a lock installs."""
    text = (ROOT / "requirements" / lock).read_text()
    return set(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))


def wanted(*extras: str) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = project["dependencies"] + [
        line for extra in extras for line in project["optional-dependencies"][extra]
    ]
    return {canonicalize_name(Requirement(line).name) for line in lines}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_hashes_everything_and_names_no_address(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text
    for entry in re.split(r"^(?=[a-z0-9-]+==)", text, flags=re.MULTILINE):
        assert "--hash=sha256:" in entry or not entry.strip()


def test_the_runtime_lock_has_every_dependency() -> None:
    assert wanted("demo") <= {name for name, _version in pins("runtime.lock")}


def test_the_test_lock_has_every_dependency() -> None:
    assert wanted("demo", "test") <= {name for name, _version in pins("test.lock")}


def test_tests_run_on_the_versions_that_users_get() -> None:
    assert pins("runtime.lock") <= pins("test.lock")
