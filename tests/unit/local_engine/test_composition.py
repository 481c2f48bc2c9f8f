"""Entry and request are put together as the contract says."""

from pathlib import Path

import pytest

from windlass.engines.engine import EnvironmentVariable, ReplicaTemplate
from windlass.engines.local.processes.catalogue import Entry
from windlass.engines.local.processes.composition import Surroundings, compose

AROUND = Surroundings(
    search_path="/usr/bin:/bin",
    home="/homes/1",
    platform={"RUNAI_PROJECT": "team"},
    given={"PORT": "20001"},
)
FOLDER = Path("/etc/windlass")


def entry(**options: object) -> Entry:
    defaults: dict[str, object] = {"name": "host/echo", "folder": FOLDER, "command": ("sh", "-c")}
    return Entry(**{**defaults, **options})  # type: ignore[arg-type]


def template(**options: object) -> ReplicaTemplate:
    return ReplicaTemplate(image="host/echo", container_port=8000, **options)  # type: ignore[arg-type]


def variables(*pairs: tuple[str, str]) -> tuple[EnvironmentVariable, ...]:
    return tuple(EnvironmentVariable(name, value) for name, value in pairs)


def test_the_environment_is_the_contracts_and_nothing_else() -> None:
    what = compose(
        entry(environment={"MODEL": "tiny"}), template(environment=variables(("A", "1"))), AROUND
    )
    assert list(what.environment.items()) == [
        ("PATH", "/usr/bin:/bin"),
        ("HOME", "/homes/1"),
        ("LANG", "C.UTF-8"),
        ("RUNAI_PROJECT", "team"),
        ("MODEL", "tiny"),
        ("A", "1"),
        ("PORT", "20001"),
    ]


def test_the_later_wins() -> None:
    what = compose(
        entry(environment={"LANG": "de_DE.UTF-8", "A": "entry", "RUNAI_PROJECT": "entry"}),
        template(environment=variables(("A", "request"), ("A", "request again"))),
        AROUND,
    )
    assert what.environment["LANG"] == "de_DE.UTF-8"
    assert what.environment["A"] == "request again"
    assert what.environment["RUNAI_PROJECT"] == "entry"


def test_nothing_wins_over_what_the_platform_gives() -> None:
    what = compose(entry(environment={"PORT": "1"}), template(), AROUND)
    assert what.environment["PORT"] == "20001"


def test_exclude_removes_what_the_entry_set_and_nothing_else() -> None:
    excluded = (
        EnvironmentVariable("MODEL", exclude=True),
        EnvironmentVariable("LANG", exclude=True),
    )
    what = compose(entry(environment={"MODEL": "tiny"}), template(environment=excluded), AROUND)
    assert "MODEL" not in what.environment
    assert what.environment["LANG"] == "C.UTF-8"


def test_values_may_name_variables_before_them_and_the_port() -> None:
    what = compose(
        entry(environment={"URL": "http://127.0.0.1:$(PORT)", "A": "$(B)"}),
        template(
            environment=variables(("B", "b of $(URL)"), ("URL", "$(URL)/v1"), ("C", "$$(URL)"))
        ),
        AROUND,
    )
    assert what.environment["A"] == "$(B)"
    assert what.environment["B"] == "b of http://127.0.0.1:20001"
    assert what.environment["URL"] == "http://127.0.0.1:20001/v1"
    assert what.environment["C"] == "$(URL)"


def test_command_and_arguments_are_expanded() -> None:
    what = compose(
        entry(command=("sh", "$(RUNAI_PROJECT)"), args=("$(PORT)", "$(NOWHERE)")),
        template(),
        AROUND,
    )
    assert what.argv == ("sh", "team", "20001", "$(NOWHERE)")


def test_the_requests_arguments_replace_the_entrys() -> None:
    one = entry(args=("a",))
    assert compose(one, template(), AROUND).argv == ("sh", "-c", "a")
    assert compose(one, template(args=("b", "$(PORT)")), AROUND).argv == ("sh", "-c", "b", "20001")
    assert compose(one, template(args=()), AROUND).argv == ("sh", "-c")


def test_a_requests_command_drops_the_entrys_arguments() -> None:
    one = entry(args=("a",), open=True)
    assert compose(one, template(command=("ls",)), AROUND).argv == ("ls",)
    assert compose(one, template(command=("ls",), args=("b",)), AROUND).argv == ("ls", "b")


@pytest.mark.parametrize(
    ("word", "program"),
    [
        ("sh", "/usr/bin/sh"),
        ("/opt/tool", "/opt/tool"),
        ("./tool", "/etc/windlass/tool"),
        ("bin/tool", "/etc/windlass/bin/tool"),
        ("../tool", "/etc/tool"),
        ("no-such-tool-anywhere", None),
    ],
)
def test_a_path_is_relative_to_the_files_folder_and_a_bare_word_on_the_path(
    word: str, program: str | None
) -> None:
    found = compose(entry(command=(word,)), template(), AROUND).program
    assert found == (Path(program) if program else None)


@pytest.mark.parametrize(
    ("of_entry", "of_request", "directory"),
    [
        (None, None, "/homes/1"),
        ("data", None, "/etc/windlass/data"),
        ("/data", None, "/data"),
        ("/data", "sub", "/data/sub"),
        ("/data", "/other", "/other"),
        (None, "sub", "/homes/1/sub"),
    ],
)
def test_the_working_directory(
    of_entry: str | None, of_request: str | None, directory: str
) -> None:
    what = compose(entry(working_dir=of_entry, open=True), template(working_dir=of_request), AROUND)
    assert what.working_directory == Path(directory)


def test_an_entry_without_a_command_has_no_program() -> None:
    what = compose(entry(command=(), open=True), template(), AROUND)
    assert what.argv == ()
    assert what.program is None
