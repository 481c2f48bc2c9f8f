"""What the documentation tells people to type exists, and its links lead somewhere."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from windlass.cli.documents import parse_documents
from windlass.cli.main import app
from windlass.workloads.field_support import EngineKind
from windlass.workloads.inferences.reading import read_creation

ROOT = Path(__file__).parent.parent.parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^)#:]+)(#[^)]*)?\)")
COMMAND = re.compile(r"\bwindlass ([a-z]+)\b((?: [^\n`|;]*)?)")
OPTION = re.compile(r"(?<!\S)--?[a-z][a-z-]*")


def commands() -> dict[str, set[str]]:
    """Every command with its options; those of commands below it count as its own."""
    group = get_command(app)
    return {name: options_of(command) for name, command in group.commands.items()}  # type: ignore[attr-defined]


def options_of(command: Any) -> set[str]:
    options = {name for parameter in command.params for name in parameter.opts}
    negations = {name for parameter in command.params for name in parameter.secondary_opts}
    below = [options_of(inner) for inner in getattr(command, "commands", {}).values()]
    return (options | negations | {"--help", "-h"}).union(*below)


def typed(page: Path) -> Iterator[tuple[str, list[str]]]:
    """The commands in a page's code, each with its options."""
    text = page.read_text().replace("\\\n", " ")
    for code in re.findall(r"```sh\n(.*?)```|`([^`\n]+)`", text, re.DOTALL):
        for name, rest in COMMAND.findall("\n".join(code)):
            yield name, OPTION.findall(rest.split("#")[0])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    missing = [
        target
        for target, _ in LINK.findall(page.read_text())
        if not (page.parent / target).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_exist(page: Path) -> None:
    known = commands()
    for name, options in typed(page):
        if name in ("ready", "command"):  # What `up` prints, and `python -m windlass`.
            continue
        assert name in known, name
        assert set(options) <= known[name], (name, options)


def test_metrics_exist() -> None:
    told = set(re.findall(r"`(windlass_[a-z_]+)", (ROOT / "docs/operating.md").read_text()))
    assert told
    sources = "".join(path.read_text() for path in (ROOT / "src/windlass").rglob("*.py"))
    assert {name for name in told if name not in sources} == set()


def test_the_request_that_is_shown_is_accepted() -> None:
    page = (ROOT / "docs/workloads.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (document,) = parse_documents(example)
    ids = {"projectId": "1", "clusterId": "00000000-0000-4000-8000-000000000000"}
    body = json.dumps({**document, **ids}).encode()
    creation = read_creation(body, "application/json", EngineKind.PROCESS)
    assert creation.name == "digits"
