"""What can be typed about assets: `windlass apply` and `get`."""

from pathlib import Path
from typing import Annotated

import typer

from windlass.cli.options import DEFAULT_DATA_DIR, DataDir

app = typer.Typer()

Kind = Annotated[str, typer.Argument(metavar="KIND", help="compute, environment, pvc, …")]


@app.command(short_help="Create or change assets from a file.")
def apply(
    files: Annotated[
        list[Path],
        typer.Option(
            "--file",
            "-f",
            metavar="FILE",
            help="YAML or JSON, - for standard input; again for more.",
        ),
    ],
    data_dir: DataDir = DEFAULT_DATA_DIR,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be otherwise.")
    ] = False,
) -> None:
    """Create what is not there, and change what is otherwise; exit 1 when something is refused.

    FILE holds documents with kind, meta and spec, as `windlass get KIND -o yaml` prints them.
    """
    from windlass.cli.applying import run_apply

    raise typer.Exit(run_apply(data_dir, files, dry_run=dry_run))


@app.command(short_help="Show assets: what workloads are made from.")
def get(
    kind: Kind,
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME|ID…")] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    project: Annotated[
        str | None,
        typer.Option("--project", "-p", metavar="NAME", help="Only what can be used in it."),
    ] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FORM", help="table, yaml or json.")
    ] = "table",
) -> None:
    """Show the assets of a kind; as yaml or json, `windlass apply` takes them."""
    from windlass.cli.applying import run_get

    raise typer.Exit(run_get(data_dir, kind, names or (), project=project, output=output))
