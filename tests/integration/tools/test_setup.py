"""`make setup`, on a tiny project beside this one's: the same script, one package in the lock."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PYPROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "tiny"
version = "1"
[tool.setuptools]
py-modules = []
"""


def only_setuptools() -> str:
    lock = (ROOT / "requirements/runtime.lock").read_text()
    entry = re.search(r"^setuptools==[^#]*", lock, re.MULTILINE)
    assert entry
    return entry[0]


def setup(project: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [project / "tools/setup.sh", "runtime"],
        env={"PATH": "/usr/bin:/bin", "HOME": str(project), **environment},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Its path has a space in it, as a user's may."""
    path = tmp_path / "a project"
    (path / "tools").mkdir(parents=True)
    (path / "requirements").mkdir()
    shutil.copy(ROOT / "tools/setup.sh", path / "tools")
    (path / "requirements/runtime.lock").write_text(only_setuptools())
    (path / "pyproject.toml").write_text(PYPROJECT)
    return path


@pytest.fixture
def interpreter() -> str:
    """The one that runs the tests, not the copy in its virtual environment."""
    return os.path.realpath(sys.executable)


def test_it_installs_once_and_again_when_something_changed(project: Path, interpreter: str) -> None:
    first = setup(project, PYTHON=interpreter)
    assert first.returncode == 0, first.stderr
    python = project / ".venv/bin/python"
    code = "import importlib.metadata as m; print(m.version('setuptools'), m.version('tiny'))"
    told = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split()[0] in only_setuptools()

    again = setup(project)
    assert (again.returncode, again.stdout) == (0, "")

    (project / "pyproject.toml").write_text(PYPROJECT.replace('"1"', '"2"'))
    assert "installing" in setup(project).stdout
    told = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split()[1] == "2"


def test_what_an_interrupted_run_left_is_made_anew(project: Path, interpreter: str) -> None:
    failed = setup(project, PYTHON=interpreter, PIP_INDEX_URL="http://127.0.0.1:9", PIP_RETRIES="0")
    assert failed.returncode == 1
    assert "needs a package index that answers" in failed.stderr
    trace = project / ".venv/trace"
    trace.touch()

    mended = setup(project, PYTHON=interpreter)
    assert mended.returncode == 0, mended.stderr
    assert not trace.exists()


def test_a_project_that_was_moved_is_made_anew(project: Path, interpreter: str) -> None:
    assert setup(project, PYTHON=interpreter).returncode == 0
    moved = project.rename(project.with_name("moved"))
    assert setup(moved, PYTHON=interpreter).returncode == 0
    ran = subprocess.run([moved / ".venv/bin/pip", "--version"], capture_output=True, text=True)
    assert str(moved) in ran.stdout


def test_an_interpreter_that_cannot_be_used_is_named_with_the_cure(
    project: Path, tmp_path: Path
) -> None:
    old = tmp_path / "old-python"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.8.1 && exit\nexit 1\n')
    old.chmod(0o755)
    refused = setup(project, PYTHON=str(old))
    assert refused.returncode == 1
    assert f"{old} is Python 3.8.1, but 3.11 or newer is needed" in refused.stderr

    absent = setup(project, PYTHON="/nowhere/python")
    assert absent.returncode == 1
    assert "there is no /nowhere/python here" in absent.stderr
    assert not (project / ".venv").exists()
