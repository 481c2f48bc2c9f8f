"""Request bodies from a file that people wrote: JSON or YAML, one document or several."""

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from windlass.client import ClientError

_STANDARD_INPUT = Path("-")
_MAXIMUM_BYTES = 16 * 1024 * 1024


class BadFile(ClientError):
    """The file cannot be read as request bodies."""


class _Loader(yaml.SafeLoader):
    """YAML that gives JSON's types only, and no silent loss of a repeated key."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """The mapping of a node, refusing a key that is there twice."""
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"the key {key!r} is there twice", problem_mark=key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_documents(path: Path) -> list[dict[str, Any]]:
    """The objects in a file, `-` for standard input.

    Raises BadFile with the place where it stops making sense.
    """
    try:
        with (Path("/dev/stdin") if path == _STANDARD_INPUT else path).open("rb") as file:
            content = file.read(_MAXIMUM_BYTES + 1)
    except OSError as error:
        raise BadFile(f"{path} cannot be read: {error.strerror}.") from None
    if len(content) > _MAXIMUM_BYTES:
        raise BadFile(f"{path} is larger than {_MAXIMUM_BYTES} bytes.")
    try:
        return parse_documents(content.decode())
    except UnicodeDecodeError:
        raise BadFile(f"{path} is not UTF-8 text.") from None
    except BadFile as error:
        raise BadFile(f"{path}: {error}") from None


def parse_documents(text: str) -> list[dict[str, Any]]:
    """The objects in a text; a list at the top counts as several. Raises BadFile."""
    documents = _parse(text)
    if not documents:
        raise BadFile("there is no document in it")
    for position, document in enumerate(documents, start=1):
        if not isinstance(document, dict):
            raise BadFile(
                f"document {position} is not an object with name and spec, "
                f"but {type(document).__name__}"
            )
        _check_is_json(document, position)
    return documents


def _parse(text: str) -> list[Any]:
    if text.lstrip()[:1] in ("{", "["):
        try:
            value = json.loads(text)
        except ValueError as json_error:
            return _parse_yaml(text, instead_of=json_error)
        return value if isinstance(value, list) else [value]
    return _parse_yaml(text)


def _parse_yaml(text: str, instead_of: ValueError | None = None) -> list[Any]:
    try:
        documents = [each for each in yaml.load_all(text, _Loader) if each is not None]
    except yaml.MarkedYAMLError as error:
        if instead_of is not None:
            raise BadFile(f"not JSON: {instead_of}") from None
        mark = error.problem_mark or error.context_mark
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise BadFile(f"not YAML: {error.problem or error.context}{place}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadFile(f"not YAML: {str(error) or 'nested too deeply'}") from None
    if len(documents) == 1 and isinstance(documents[0], list):
        return documents[0]
    return documents


def _check_is_json(document: dict[str, Any], position: int) -> None:
    try:
        json.dumps(document, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadFile(f"document {position} holds what JSON cannot say: {error}") from None
