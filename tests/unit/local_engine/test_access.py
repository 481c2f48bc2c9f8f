"""What a stranger may open is told from the permission bits, as the kernel would."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from windlass.engines.local.processes.access import (
    denied_entering,
    denied_execution,
    denied_reading,
)

STRANGER = 2_099_999_999


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def program(file: Path, mode: int = 0o755, content: str = "#!/bin/sh\n") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    file.chmod(mode)
    return file


def test_what_is_open_to_all_is_open(open_folder: Path) -> None:
    assert denied_execution(program(open_folder / "tool"), STRANGER) is None
    assert denied_execution(Path("/bin/sh"), STRANGER) is None


def test_a_closed_file_is_named(open_folder: Path) -> None:
    tool = program(open_folder / "tool", 0o700)
    assert denied_execution(tool, STRANGER) == tool


def test_a_closed_folder_on_the_way_is_named(open_folder: Path) -> None:
    tool = program(open_folder / "home" / "bin" / "tool")
    (open_folder / "home").chmod(0o750)
    assert denied_execution(tool, STRANGER) == open_folder / "home"


def test_a_link_from_an_open_place_into_a_closed_one_is_followed(open_folder: Path) -> None:
    tool = program(open_folder / "home" / "bin" / "tool")
    (open_folder / "home").chmod(0o700)
    (open_folder / "link").symlink_to("home/bin/../bin/tool")
    assert denied_execution(open_folder / "link", STRANGER) == open_folder / "home"
    (open_folder / "home").chmod(0o711)
    assert denied_execution(open_folder / "link", STRANGER) is None
    assert tool.exists()


def test_a_script_must_be_readable_and_its_interpreter_executable(open_folder: Path) -> None:
    script = program(open_folder / "script", 0o711)
    assert denied_execution(script, STRANGER) == script
    interpreter = program(open_folder / "interpreter", 0o700, "")
    script = program(open_folder / "other", 0o755, f"#!{interpreter} -x\n")
    assert denied_execution(script, STRANGER) == interpreter


def test_a_missing_file_is_named(open_folder: Path) -> None:
    assert denied_execution(open_folder / "missing", STRANGER) == open_folder / "missing"


def test_a_loop_of_links_is_denied(open_folder: Path) -> None:
    (open_folder / "loop").symlink_to("loop")
    assert denied_execution(open_folder / "loop", STRANGER) is not None


def test_the_owner_is_judged_by_the_owners_bits(open_folder: Path) -> None:
    tool = program(open_folder / "tool", 0o100, "")
    assert denied_execution(tool, os.getuid()) is None
    assert denied_reading(tool, os.getuid()) == tool


def test_reading_and_entering_are_told_apart(open_folder: Path) -> None:
    folder = open_folder / "folder"
    folder.mkdir(mode=0o711)
    assert denied_entering(folder, STRANGER) is None
    assert denied_reading(folder, STRANGER) == folder


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a stranger")
@pytest.mark.parametrize("home_mode", [0o700, 0o711, 0o755])
@pytest.mark.parametrize("file_mode", [0o700, 0o711, 0o755, 0o644])
def test_the_kernel_agrees(open_folder: Path, home_mode: int, file_mode: int) -> None:
    tool = program(open_folder / "home" / "tool", file_mode)
    (open_folder / "home").chmod(home_mode)
    words = [sys.executable, "-c", "import os, sys; os.execv(sys.argv[1], sys.argv[1:])", str(tool)]
    executed = subprocess.run(
        ["/usr/bin/python3", *words[1:]],
        user=STRANGER,
        group=STRANGER,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        check=False,
    )
    assert (executed.returncode == 0) == (denied_execution(tool, STRANGER) is None)
