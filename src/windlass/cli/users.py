"""`windlass users …`: who may sign in."""

from typing import Annotated

import typer

from windlass.cli.options import DEFAULT_DATA_DIR, AsJson, DataDir

app = typer.Typer(
    help="Create, list, change and delete the people who sign in.",
    short_help="People who sign in.",
    no_args_is_help=True,
)

Email = Annotated[str, typer.Argument(metavar="EMAIL")]
Emails = Annotated[list[str], typer.Argument(metavar="EMAIL…")]


@app.command("list", short_help="List users.")
def list_users(
    data_dir: DataDir = DEFAULT_DATA_DIR,
    search: Annotated[str | None, typer.Option(metavar="TEXT", help="Only with this text.")] = None,
    as_json: AsJson = False,
) -> None:
    """List users."""
    from windlass.cli.user_accounts import run_list

    raise typer.Exit(run_list(data_dir, search, as_json))


@app.command("create", short_help="Create a user.")
def create_user(
    email: Email,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    keep_password: Annotated[
        bool, typer.Option("--keep-password", help="The first password need not be changed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Create a user, and print the first password: it is good for choosing another one."""
    from windlass.cli.user_accounts import run_create

    raise typer.Exit(run_create(data_dir, email, keep_password, as_json))


@app.command("edit", short_help="Change a user.")
def edit_user(
    email: Email,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    enabled: Annotated[
        bool | None,
        typer.Option("--enable/--disable", help="Let them sign in, or not any more."),
    ] = None,
    reset_password: Annotated[
        bool, typer.Option("--reset-password", help="Print a temporary password.")
    ] = False,
    sign_out: Annotated[bool, typer.Option("--sign-out", help="End their sign-ins.")] = False,
) -> None:
    """Change a user: each change ends their sign-ins at once."""
    from windlass.cli.user_accounts import Edit, run_edit

    raise typer.Exit(run_edit(data_dir, email, Edit(enabled, reset_password, sign_out)))


@app.command("delete", short_help="Delete users.")
def delete_users(emails: Emails, data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """Delete users, their access keys and their roles: all that are named, or none."""
    from windlass.cli.user_accounts import run_delete

    raise typer.Exit(run_delete(data_dir, emails))
