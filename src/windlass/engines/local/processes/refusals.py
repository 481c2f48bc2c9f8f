"""Why this machine cannot run a template, each with the place in the request and the cure."""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from windlass.engines.engine import Refusal, ReplicaTemplate
from windlass.engines.local.processes.access import (
    denied_entering,
    denied_execution,
    denied_reading,
)
from windlass.engines.local.processes.catalogue import GIVEN_BY_PLATFORM, Entry
from windlass.engines.local.processes.composition import Composition
from windlass.engines.local.texts import text_refusals

_ADD_IT = "the file given to `windlass up --host-images`"
_FIXED = re.compile(r"PATH|HOME|LD_.*|PYTHON.*")
"""With these a request could make a fixed command run something else."""


def image_refusal(image: str, entries: Mapping[str, Entry]) -> Refusal | None:
    """Why no entry stands for the image, with those there are; None when one does."""
    if image in entries:
        return None
    available = ", ".join(sorted(entries))
    return Refusal(
        "spec.image",
        f"this machine has no host image {image!r}; it has {available}; "
        f"use one of these, or add yours to {_ADD_IT}",
    )


def request_refusals(entry: Entry, template: ReplicaTemplate) -> Iterator[Refusal]:
    """What a request may not say to the entry, wherever it runs."""
    if not entry.open:
        opening = f"leave it out, or have the operator mark {entry.name} as open: true"
        if template.command is not None:
            yield Refusal("spec.command", f"{entry.name} has a fixed command; {opening}")
        if template.working_dir is not None:
            yield Refusal("spec.workingDir", f"{entry.name} has a fixed directory; {opening}")
    elif not entry.command and not template.command:
        yield Refusal("spec.command", f"is required, because {entry.name} has none of its own")
    yield from _variable_refusals(entry, template)
    yield from text_refusals(template)
    yield from _probe_refusals(template)


def place_refusals(
    entry: Entry, template: ReplicaTemplate, what: Composition, uid: int | None
) -> Iterator[Refusal]:
    """What is missing on this machine, or closed to the user `uid`; None is the platform's own."""
    path = "spec.image" if template.command is None else "spec.command"
    if what.program is None:
        yield Refusal(
            path,
            f"the command {what.argv[0]!r} of {entry.name} is not on the PATH that `windlass up` "
            "was started with; install it, or name it by its path",
        )
        return
    if not _is_executable(what.program):
        yield Refusal(
            path,
            f"the command {what.program} of {entry.name} is not an executable file; "
            f"put it there, or correct {_ADD_IT}",
        )
        return
    yield from _directory_refusals(entry, template, what, uid)
    if uid is not None:
        yield from _user_refusals(entry, what, uid, path)


def _variable_refusals(entry: Entry, template: ReplicaTemplate) -> Iterator[Refusal]:
    given = {*GIVEN_BY_PLATFORM, *(f"PORT_{port}" for port in template.additional_ports)}
    for index, variable in enumerate(template.environment):
        path = f"spec.environmentVariables[{index}].name"
        if variable.name in given:
            yield Refusal(path, f"{variable.name} is given by the platform; leave it out")
        elif not entry.open and _FIXED.fullmatch(variable.name):
            yield Refusal(
                path,
                f"{variable.name} could change what the fixed command of {entry.name} runs; "
                "leave it out, or have the operator set it in the entry or mark it as open: true",
            )


def _probe_refusals(template: ReplicaTemplate) -> Iterator[Refusal]:
    http_get = template.probe.http_get if template.probe else None
    if http_get is None or http_get.port in (None, template.container_port):
        return
    yield Refusal(
        "spec.probes.readiness.handler.httpGet.port",
        f"must be the serving port {template.container_port}, or be left out: a process on this "
        "machine serves on one port alone",
    )


def _directory_refusals(
    entry: Entry, template: ReplicaTemplate, what: Composition, uid: int | None
) -> Iterator[Refusal]:
    asked = template.working_dir or ""
    if entry.working_dir is None and not os.path.isabs(asked):
        # Its own folder, or one below, which is made when it starts.
        if os.path.normpath(asked).split(os.sep)[0] == os.pardir:
            yield Refusal("spec.workingDir", "must not lead out of the replica's own folder")
        return
    path = "spec.image" if template.working_dir is None else "spec.workingDir"
    folder = what.working_directory
    if not folder.is_dir():
        yield Refusal(path, f"there is no folder {folder} on this machine; make it")
    elif uid is not None and (denied := denied_entering(folder, uid)) is not None:
        yield Refusal(path, f"the project's user may not enter {folder} ({_closed(denied)})")


def _user_refusals(entry: Entry, what: Composition, uid: int, path: str) -> Iterator[Refusal]:
    if what.program is None:
        return
    denied = denied_execution(what.program, uid)
    if denied is not None:
        yield Refusal(
            path,
            f"the project's user cannot execute {what.program} of {entry.name} "
            f"({_closed(denied)}); move the interpreter to where every user may go, or mark the "
            "entry `as: platform`, which runs it as the platform's own user",
        )
        return
    # Only what the operator wrote: a request must not find out which files there are.
    for word in what.argv[1 : len(entry.command)] if path == "spec.image" else ():
        file = Path(word)
        if file.is_absolute() and file.is_file() and denied_reading(file, uid) is not None:
            yield Refusal(
                path,
                f"the project's user cannot read {file}, which the command of {entry.name} names; "
                "move it to where every user may go, or mark the entry `as: platform`",
            )


def _closed(path: Path) -> str:
    return f"{path} is closed to it" if path.exists() else f"{path} is missing"


def _is_executable(program: Path) -> bool:
    try:
        mode = program.stat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and bool(mode & 0o111)
