"""What starting a command costs, and how it ends."""

import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from windlass.cli.main import app
from windlass.cli.options import DEFAULT_DATA_DIR as COMMANDS_DATA_DIR
from windlass.client import DEFAULT_DATA_DIR

HEAVY = {"httpx", "rich", "pydantic", "sqlalchemy", "fastapi", "grpc", "asyncio"}


def run(*words: str, code: str | None = None) -> subprocess.CompletedProcess[str]:
    command = ["-c", code] if code else ["-m", "windlass", *words]
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=60, check=False
    )


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from windlass.cli.main import app\n"
        "from windlass.cli.outcome import exit_status\n"
        "assert exit_status(lambda: app(['--help'])) == 0\n"
        "print('loaded', *sys.modules)"
    )
    loaded = set(run(code=code).stdout.splitlines()[-1].split())
    assert "typer" in loaded
    assert not loaded & HEAVY


def test_every_command_has_help() -> None:
    for command in ("up", "down", "status", "ls", "describe", "logs", "delete", "submit"):
        result = CliRunner().invoke(app, [command, "--help"])
        assert result.exit_code == 0
        assert f"Usage: windlass {command}" in result.output


def test_wrong_usage_is_exit_status_2() -> None:
    assert run("ls", "--no-such-option").returncode == 2


def test_a_failure_is_one_sentence_without_a_traceback(tmp_path: Path) -> None:
    ended = run("ls", "--data-dir", str(tmp_path))
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith("windlass: There is no platform in")
    assert len(ended.stderr.splitlines()) == 1


def test_a_reader_that_leaves_is_no_traceback() -> None:
    command = f"{sys.executable} -m windlass --help | true"
    ended = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.stderr == ""


def test_commands_and_clients_agree_on_the_data_directory() -> None:
    assert COMMANDS_DATA_DIR == DEFAULT_DATA_DIR
