"""Expands `$(NAME)` in commands, arguments and values, by the rules of Kubernetes.

`$(NAME)` is the variable's value, an unknown name stays as it is, and `$$` is a plain `$`, so that
`$$(NAME)` gives `$(NAME)`.
Source: https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
"""

import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")


def expand(text: str, variables: Mapping[str, str]) -> str:
    """The text with its references to `variables` resolved."""

    def resolve(found: re.Match[str]) -> str:
        name = found.group(1)
        if name is None:
            return "$"
        return variables.get(name, found.group())

    return _REFERENCE.sub(resolve, text)
