"""Headers as Envoy's configuration has them."""

from typing import Any


def header_value(key: str, value: str) -> dict[str, Any]:
    """Set a header, over whatever it was."""
    return {
        "header": {"key": key, "value": value},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }
