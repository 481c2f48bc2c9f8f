"""What a replica executes: a catalogue entry and a request, put together as the contract says."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from windlass.engines.engine import EnvironmentVariable, ReplicaTemplate
from windlass.engines.local.expansion import expand
from windlass.engines.local.processes.catalogue import Entry

_LANG = "C.UTF-8"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the platform adds to an entry and a request."""

    search_path: str
    """PATH, and where a command without a `/` is looked for."""
    home: str
    """The replica's own folder: HOME, and where it runs unless told otherwise."""
    platform: Mapping[str, str]
    """Variables that the entry's and the request's win over."""
    given: Mapping[str, str]
    """Variables that nothing wins over, PORT among them."""


@dataclass(frozen=True, slots=True)
class Composition:
    """A process, ready to start."""

    program: Path | None
    """None where a command without a `/` is nowhere on the search path."""
    argv: tuple[str, ...]
    """Never empty unless neither entry nor request has a command."""
    environment: Mapping[str, str]
    working_directory: Path


def compose(entry: Entry, template: ReplicaTemplate, around: Surroundings) -> Composition:
    """Put entry and request together; nothing is checked.

    As in Kubernetes, a request's command without arguments also drops the entry's arguments.
    """
    environment = _environment(entry, template.environment, around)
    command = entry.command if template.command is None else template.command
    default_args = entry.args if template.command is None else ()
    args = default_args if template.args is None else template.args
    argv = tuple(expand(word, environment) for word in (*command, *args))
    working_directory = _working_directory(entry, template.working_dir, around.home)
    relative_to = entry.folder if template.command is None else working_directory
    return Composition(
        program=_program(argv[0], relative_to, around.search_path) if argv else None,
        argv=argv,
        environment=environment,
        working_directory=working_directory,
    )


def _environment(
    entry: Entry, requested: tuple[EnvironmentVariable, ...], around: Surroundings
) -> dict[str, str]:
    excluded = {variable.name for variable in requested if variable.exclude}
    environment = {
        "PATH": around.search_path,
        "HOME": around.home,
        "LANG": _LANG,
        **around.platform,
    }
    own = [(name, value) for name, value in entry.environment.items() if name not in excluded]
    asked = [(variable.name, variable.value) for variable in requested if not variable.exclude]
    for name, value in own + asked:
        # A value may name variables before it; what the platform gives is known from the start.
        environment[name] = expand(value, {**environment, **around.given})
    return {**environment, **around.given}


def _working_directory(entry: Entry, requested: str | None, home: str) -> Path:
    base = Path(home) if entry.working_dir is None else entry.folder / entry.working_dir
    return base if requested is None else base / requested


def _program(word: str, relative_to: Path, search_path: str) -> Path | None:
    if "/" in word:
        return Path(os.path.normpath(relative_to / word))
    found = shutil.which(word, path=search_path)
    return Path(found).absolute() if found else None
