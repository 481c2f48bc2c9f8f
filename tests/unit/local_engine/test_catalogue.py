"""The catalogue reads what operators write, and says what is wrong with it."""

import json
from pathlib import Path

import pytest

from windlass.engines.local.processes.catalogue import Catalogue, CatalogueInvalid, Entry, RunAs


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "images.yaml"


def test_what_ships_is_there_without_a_file() -> None:
    assert "host/files" in Catalogue().entries()


def test_entries_of_a_yaml_file_are_added_to_what_ships(file: Path) -> None:
    file.write_text(
        """
host/echo:
  command: [./server.py, "$(PORT)"]
  args: [--workers, 2, --verbose, true, "1.0"]
  env: {MODEL: tiny, LAYERS: 3, DEBUG: false}
  workingDir: data
  open: true
  as: platform
"""
    )
    entries = Catalogue(file).entries()
    assert "host/files" in entries
    assert entries["host/echo"] == Entry(
        name="host/echo",
        folder=file.parent,
        command=("./server.py", "$(PORT)"),
        args=("--workers", "2", "--verbose", "true", "1.0"),
        environment={"MODEL": "tiny", "LAYERS": "3", "DEBUG": "false"},
        working_dir="data",
        open=True,
        run_as=RunAs.PLATFORM,
    )


def test_an_entry_is_fixed_and_runs_as_the_project_unless_it_says_otherwise(file: Path) -> None:
    file.write_text("host/echo: {command: [server]}")
    entry = Catalogue(file).entries()["host/echo"]
    assert (entry.open, entry.run_as) == (False, RunAs.PROJECT)


def test_json_is_read_too(file: Path) -> None:
    file.write_text(json.dumps({"host/echo": {"command": ["server"]}}))
    assert Catalogue(file).entries()["host/echo"].command == ("server",)


def test_an_entry_of_the_file_replaces_one_that_ships(file: Path) -> None:
    file.write_text("host/files: {command: [other]}")
    assert Catalogue(file).entries()["host/files"].command == ("other",)


def test_an_empty_file_adds_nothing(file: Path) -> None:
    file.write_text("# nothing yet\n")
    assert set(Catalogue(file).entries()) == set(Catalogue().entries())


def test_only_an_open_entry_can_do_without_a_command(file: Path) -> None:
    file.write_text("host/anything: {open: true}")
    assert Catalogue(file).entries()["host/anything"].command == ()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("a: [", "neither YAML nor JSON"),
        ("- host/echo", "must map names"),
        ("echo: {command: [a]}", "'echo' must begin with 'host/'"),
        ("host/: {command: [a]}", "'host/' must begin with 'host/' and go on"),
        ("host/echo: [a]", "host/echo must be an object"),
        ("host/echo: {}", "host/echo.command is missing"),
        ("host/echo: {command: a}", "host/echo.command must be a list of words"),
        ("host/echo: {command: [[a]]}", "host/echo.command must be a list of words"),
        ("host/echo: {command: [a], args: a}", "host/echo.args must be a list of words"),
        ("host/echo: {command: [a], env: [A]}", "host/echo.env must map names to values"),
        ("host/echo: {command: [a], env: {A: [b]}}", "host/echo.env.A must be text"),
        ("host/echo: {command: [a], env: {A=B: b}}", "'A=B', which is not the name"),
        ("host/echo: {command: [a], env: {PORT: 1}}", "sets PORT, which the platform gives"),
        (
            "host/echo: {command: [a], open: 'yes'}",
            "host/echo.open is 'yes'; it must be true or false",
        ),
        (
            "host/echo: {command: [a], as: root}",
            "host/echo.as is 'root'; it must be project or platform",
        ),
        (
            "host/echo: {command: [a], workingDir: 1}",
            "host/echo.workingDir is 1; it must be a path",
        ),
        ("host/echo: {command: [a], user: me}", "unknown key 'user'"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_place(
    file: Path, content: str, complaint: str
) -> None:
    file.write_text(content)
    with pytest.raises(CatalogueInvalid) as error:
        Catalogue(file)
    assert complaint in str(error.value)
    assert str(file) in str(error.value)


def test_a_missing_file_is_said(file: Path) -> None:
    with pytest.raises(CatalogueInvalid, match="cannot be read"):
        Catalogue(file)


def test_a_changed_file_is_read_again(file: Path) -> None:
    file.write_text("host/echo: {command: [one]}")
    catalogue = Catalogue(file)
    file.write_text("host/echo: {command: [other]}\nhost/more: {command: [more]}")
    assert catalogue.entries()["host/echo"].command == ("other",)
    assert "host/more" in catalogue.entries()


def test_a_broken_version_leaves_the_last_sound_one_in_use_and_is_reported(file: Path) -> None:
    file.write_text("host/echo: {command: [one]}")
    catalogue = Catalogue(file)
    assert catalogue.problem is None
    file.write_text("host/echo: {command: [other]")
    assert catalogue.entries()["host/echo"].command == ("one",)
    assert catalogue.problem is not None
    assert "neither YAML nor JSON" in catalogue.problem
    file.unlink()
    assert "host/echo" in catalogue.entries()
    file.write_text("host/new: {command: [new]}")
    assert "host/echo" not in catalogue.entries()
    assert catalogue.problem is None
