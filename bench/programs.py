"""Programs of the system that benches need, each in a package of its own name."""

import os
import shutil
import subprocess


class ProgramMissing(Exception):
    """It is not there, and cannot be installed; the message says how it could be."""


def ensure_program(name: str) -> None:
    """Install it where it is missing and we are root. Raises ProgramMissing."""
    if shutil.which(name):
        return
    if os.geteuid() != 0:
        raise ProgramMissing(f"{name} is not installed; as root: apt-get install {name}")
    subprocess.run(["apt-get", "update", "-q"], check=False, capture_output=True)
    installed = subprocess.run(["apt-get", "install", "-qy", name], check=False)
    if installed.returncode != 0:
        raise ProgramMissing(f"apt-get could not install {name}")
