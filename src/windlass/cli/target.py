"""Which platform a command is for.

A data directory that is named wins; then a context that is named, or the current one; then the data
directory of a platform on this machine.
"""

import os
from pathlib import Path

from windlass.cli.options import CONTEXT_VARIABLE, DEFAULT_DATA_DIR
from windlass.client import Client, Context, ContextFile


def client_of(data_dir: Path) -> Client:
    """A client of the platform. Raises NoPlatform, NoContext, ClientError."""
    context = context_of(data_dir)
    return Client.from_data_dir(data_dir) if context is None else Client.from_context(context.name)


def context_of(data_dir: Path) -> Context | None:
    """The context that a command is for; None where it is a data directory."""
    if data_dir != DEFAULT_DATA_DIR:
        return None
    file, named = ContextFile.default(), os.environ.get(CONTEXT_VARIABLE)
    if named or file.current_name():
        return file.get(named or None)
    return None
