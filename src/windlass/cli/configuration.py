"""From options that were typed to the platform's settings."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from windlass.client import ClientError

if TYPE_CHECKING:
    from windlass.settings import Settings


class BadOption(ClientError):
    """An option or environment variable has a wrong value."""


_REPEATED = ("node_labels", "container_ulimits", "node_taints", "simulate_nodes")


def settings_of(given: Mapping[str, Any]) -> "Settings":
    """The settings: options that were given, else the environment, else the defaults.

    None and an empty list count as not given. Raises BadOption.
    """
    from pydantic import ValidationError

    from windlass.settings import Settings

    options = {name: value for name, value in given.items() if value not in (None, [])}
    try:
        return Settings(**options)
    except ValidationError as error:
        problems = (
            f"{_option(problem['loc'])}: {problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors(include_url=False)
        )
        raise BadOption("; ".join(problems)) from None


def _option(location: tuple[int | str, ...]) -> str:
    name = str(location[0]) if location else "settings"
    option = "--" + (name.removesuffix("s") if name in _REPEATED else name).replace("_", "-")
    return f"{option} (WINDLASS_{name.upper()})"
