"""`windlass images …`: what the container engine keeps on this machine's disk."""

from typing import Annotated

import typer

from windlass.cli.options import DEFAULT_DATA_DIR, AsJson, DataDir

app = typer.Typer(
    help="See which images take up this machine's disk, and remove those that nothing uses.",
    short_help="Images on this machine, and the disk they take.",
    no_args_is_help=True,
)


@app.command("ls", short_help="List images, the largest first.")
def list_images(data_dir: DataDir = DEFAULT_DATA_DIR, as_json: AsJson = False) -> None:
    """List images, the largest first, with who uses them and the disk they take."""
    from windlass.cli.image_lists import run_list

    raise typer.Exit(run_list(data_dir, as_json))


@app.command("prune", short_help="Remove images that nothing uses.")
def prune_images(
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove images that the platform pulled and no workload or container uses; others stay."""
    from windlass.cli.image_lists import run_prune

    raise typer.Exit(run_prune(data_dir, as_json=as_json, ask=not yes))
