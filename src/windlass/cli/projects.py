"""`windlass projects …`: list, create, edit and delete projects."""

from typing import Annotated

import typer

from windlass.cli.options import DEFAULT_DATA_DIR, AsJson, DataDir
from windlass.cli.unit_options import Name, NameOrId, Names, Search, Wanted, with_wanted

app = typer.Typer(
    help="List, create, edit and delete projects, and say what they may have.",
    short_help="Projects and their quotas.",
    no_args_is_help=True,
)


@app.command("list", short_help="List projects.")
def list_units(
    data_dir: DataDir = DEFAULT_DATA_DIR,
    department: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only of this department.")
    ] = None,
    search: Search = None,
    as_json: AsJson = False,
) -> None:
    """List projects, with what they may have and what they use."""
    from windlass.cli import units

    filters = [f"parentName=={department}"] if department is not None else []
    raise typer.Exit(
        units.run_list(data_dir, units.projects, search=search, filter_by=filters, as_json=as_json)
    )


@app.command("create", short_help="Create a project.")
@with_wanted
def create(
    name: Name,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    department: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Its department. [default: the default one]"),
    ] = None,
    *,
    wanted: Wanted,
    as_json: AsJson = False,
) -> None:
    """Create a project. Without more words it is guaranteed no GPU."""
    from windlass.cli import units

    raise typer.Exit(
        units.run_create(
            data_dir, units.projects, name, wanted, department=department, as_json=as_json
        )
    )


@app.command("edit", short_help="Change a project.")
@with_wanted
def edit(
    name: NameOrId,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    *,
    wanted: Wanted,
    as_json: AsJson = False,
) -> None:
    """Change what is given of a project; the rest stays."""
    from windlass.cli import units

    raise typer.Exit(units.run_edit(data_dir, units.projects, name, wanted, as_json=as_json))


@app.command("delete", short_help="Delete projects.")
def delete(names: Names, data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """Delete projects: all that are named, or none.

    A project with workloads goes with the last of them, which are ended.
    """
    from windlass.cli import units

    raise typer.Exit(units.run_delete(data_dir, units.projects, names))
