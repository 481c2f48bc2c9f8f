"""Options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_DATA_DIR = Path("~/.local/share/windlass")
CONTEXT_VARIABLE = "WINDLASS_CONTEXT"

DataDir = Annotated[
    Path,
    typer.Option(
        "--data-dir",
        envvar="WINDLASS_DATA_DIR",
        help="The platform's data directory, rather than where you have signed in.",
        metavar="DIR",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Project = Annotated[
    str | None,
    typer.Option("--project", "-p", metavar="NAME", help="The project, where names are ambiguous."),
]
Timeout = Annotated[
    float | None,
    typer.Option("--timeout", metavar="SECONDS", min=0.0, help="Wait no longer than this."),
]
