"""What runs inside Envoy: it hands out slots that the gate has lent.

In C, which `make module` builds for each kind of machine, so that who runs Windlass needs no
compiler.
"""

import platform
from pathlib import Path

MODULE = "windlass"
"""Envoy looks for it in `lib….so`."""
_HERE = Path(__file__).parent


def module_directory() -> Path | None:
    """Where the module for this machine is; None where there is none."""
    directory = _HERE / platform.machine()
    return directory if (directory / f"lib{MODULE}.so").exists() else None
