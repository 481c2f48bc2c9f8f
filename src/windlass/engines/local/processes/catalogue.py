"""The catalogue of host images: commands and environments of this machine that replicas may run."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

PREFIX = "host/"
_SHIPPED = Path(__file__).with_name("catalogue.yaml")
_KEYS = ("command", "args", "env", "workingDir", "open", "as")
GIVEN_BY_PLATFORM = ("PORT", "CUDA_VISIBLE_DEVICES")
"""Variables that belong to the platform: neither an entry nor a request may set them."""


class CatalogueInvalid(Exception):
    """A catalogue cannot be used; the message names the file, the entry and the cure."""


class RunAs(StrEnum):
    """Whose user the processes of an entry are, where the platform runs as root."""

    PROJECT = "project"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class Entry:
    """One host image."""

    name: str
    folder: Path
    """Where relative paths of `command` and `working_dir` begin."""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    working_dir: str | None = None
    open: bool = False
    """Whether requests may replace the command, and set any variable."""
    run_as: RunAs = RunAs.PROJECT


class Catalogue:
    """The entries that ship and those of a file, which is read again when it changes.

    Safe to use from several threads.
    """

    def __init__(self, file: Path | None = None) -> None:
        """Read the file; raises CatalogueInvalid."""
        self._file = file.absolute() if file is not None else None
        self._lock = threading.Lock()
        self._shipped = _read(_SHIPPED)
        self._problem: str | None = None
        self._stamp = self._current_stamp()
        self._entries = self._load()

    def entries(self) -> Mapping[str, Entry]:
        """Every entry by name, as the file has it now, or had it when it was last sound."""
        with self._lock:
            stamp = self._current_stamp()
            if stamp != self._stamp:
                self._stamp = stamp
                try:
                    self._entries = self._load()
                    self._problem = None
                except CatalogueInvalid as error:
                    self._problem = f"{error} The last sound version is still in use."
            return self._entries

    @property
    def problem(self) -> str | None:
        """What is wrong with the file as it is now, for the operator; None when nothing is."""
        self.entries()
        return self._problem

    def _load(self) -> Mapping[str, Entry]:
        if self._file is None:
            return self._shipped
        return {**self._shipped, **_read(self._file)}

    def _current_stamp(self) -> tuple[int, int, int] | None:
        if self._file is None:
            return None
        try:
            status = self._file.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino


def _read(file: Path) -> dict[str, Entry]:
    try:
        # JSON is YAML, too.
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueInvalid(f"The host images {file} cannot be read: {error}.") from error
    except yaml.YAMLError as error:
        raise CatalogueInvalid(
            f"The host images {file} are neither YAML nor JSON: {error}."
        ) from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise CatalogueInvalid(f"The host images {file} must map names like host/echo to entries.")
    try:
        return {name: _entry(name, value, file.parent) for name, value in content.items()}
    except _Wrong as error:
        raise CatalogueInvalid(f"The host images {file} are wrong: {error}.") from error


class _Wrong(Exception):
    """What is wrong with an entry."""


def _entry(name: object, content: object, folder: Path) -> Entry:
    if not isinstance(name, str) or not name.startswith(PREFIX) or len(name) == len(PREFIX):
        raise _Wrong(f"the name {name!r} must begin with {PREFIX!r} and go on after it")
    if not isinstance(content, dict):
        raise _Wrong(f"{name} must be an object with at least a command")
    unknown = [key for key in content if key not in _KEYS]
    if unknown:
        raise _Wrong(f"{name} has the unknown key {unknown[0]!r}; known are {', '.join(_KEYS)}")
    is_open = _of_type(name, "open", content.get("open", False), bool, "true or false")
    command = _words(name, "command", content.get("command"))
    if not command and not is_open:
        raise _Wrong(f"{name}.command is missing; only an open entry can do without")
    working_dir = content.get("workingDir")
    if working_dir is not None:
        _of_type(name, "workingDir", working_dir, str, "a path")
    run_as = content.get("as", RunAs.PROJECT.value)
    if run_as not in list(RunAs):
        raise _Wrong(f"{name}.as is {run_as!r}; it must be {' or '.join(RunAs)}")
    return Entry(
        name=name,
        folder=folder,
        command=command,
        args=_words(name, "args", content.get("args")),
        environment=_environment(name, content.get("env")),
        working_dir=working_dir,
        open=bool(is_open),
        run_as=RunAs(run_as),
    )


def _of_type(name: str, key: str, value: Any, wanted: type, words: str) -> Any:
    if not isinstance(value, wanted):
        raise _Wrong(f"{name}.{key} is {value!r}; it must be {words}")
    return value


def _words(name: str, key: str, value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(_is_scalar(word) for word in value):
        raise _Wrong(f"{name}.{key} must be a list of words")
    return tuple(_text(word) for word in value)


def _environment(name: str, value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise _Wrong(f"{name}.env must map names to values")
    for key, item in value.items():
        if not key or "=" in key or "\0" in key:
            raise _Wrong(f"{name}.env has {key!r}, which is not the name of a variable")
        if key in GIVEN_BY_PLATFORM:
            raise _Wrong(f"{name}.env sets {key}, which the platform gives")
        if not _is_scalar(item):
            raise _Wrong(f"{name}.env.{key} must be text")
    return {key: _text(item) for key, item in value.items()}


def _is_scalar(value: object) -> bool:
    return isinstance(value, (str, int, float))


def _text(value: str | int | float) -> str:
    """A number or truth value that YAML made of unquoted text, as it reads in YAML."""
    return str(value).lower() if isinstance(value, bool) else str(value)
