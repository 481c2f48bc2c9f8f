"""`windlass departments …`: list, create, edit and delete departments."""

import typer

from windlass.cli.options import DEFAULT_DATA_DIR, AsJson, DataDir
from windlass.cli.unit_options import Name, NameOrId, Names, Search, Wanted, with_wanted

app = typer.Typer(
    help="List, create, edit and delete departments, and say what they may have.",
    short_help="Departments and their quotas.",
    no_args_is_help=True,
)


@app.command("list", short_help="List departments.")
def list_units(
    data_dir: DataDir = DEFAULT_DATA_DIR,
    search: Search = None,
    as_json: AsJson = False,
) -> None:
    """List departments, with what they may have and what they use."""
    from windlass.cli import units

    raise typer.Exit(
        units.run_list(data_dir, units.departments, search=search, filter_by=(), as_json=as_json)
    )


@app.command("create", short_help="Create a department.")
@with_wanted
def create(
    name: Name,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    *,
    wanted: Wanted,
    as_json: AsJson = False,
) -> None:
    """Create a department. Without more words it is guaranteed no GPU."""
    from windlass.cli import units

    raise typer.Exit(units.run_create(data_dir, units.departments, name, wanted, as_json=as_json))


@app.command("edit", short_help="Change a department.")
@with_wanted
def edit(
    name: NameOrId,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    *,
    wanted: Wanted,
    as_json: AsJson = False,
) -> None:
    """Change what is given of a department; the rest stays."""
    from windlass.cli import units

    raise typer.Exit(units.run_edit(data_dir, units.departments, name, wanted, as_json=as_json))


@app.command("delete", short_help="Delete departments.")
def delete(names: Names, data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """Delete departments: all that are named, or none. They must have no workloads."""
    from windlass.cli import units

    raise typer.Exit(units.run_delete(data_dir, units.departments, names))
