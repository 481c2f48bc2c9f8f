"""`windlass access …`: who may do what, and who did."""

from typing import Annotated

import typer

from windlass.cli.options import DEFAULT_DATA_DIR, AsJson, DataDir

app = typer.Typer(
    help="Give people and programs roles in projects and departments; see what they did.",
    short_help="Who may do what, and who did.",
    no_args_is_help=True,
)

Kind = Annotated[str, typer.Option(metavar="user|app|group", help="What SUBJECT is.")]
InProject = Annotated[
    str | None, typer.Option("--project", "-p", metavar="NAME", help="In that project.")
]
InDepartment = Annotated[
    str | None, typer.Option("--department", metavar="NAME", help="In that department.")
]
InCluster = Annotated[
    str | None, typer.Option("--cluster", metavar="NAME", help="In that cluster.")
]
Everywhere = Annotated[bool, typer.Option("--everywhere", help="In the whole tenant.")]


@app.command("roles", short_help="List the roles that can be given.")
def list_roles(data_dir: DataDir = DEFAULT_DATA_DIR, as_json: AsJson = False) -> None:
    """List the roles that can be given."""
    from windlass.cli.access_rules import run_roles

    raise typer.Exit(run_roles(data_dir, as_json))


@app.command("list", short_help="List who has which role where.")
def list_rules(
    data_dir: DataDir = DEFAULT_DATA_DIR,
    subject: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of that user, application or group.")
    ] = None,
    role: Annotated[str | None, typer.Option(metavar="NAME", help="With that role.")] = None,
    own: Annotated[bool, typer.Option("--mine", help="Those that hold for you.")] = False,
    as_json: AsJson = False,
) -> None:
    """List who has which role where: the access rules that you may see."""
    from windlass.cli.access_rules import run_list

    raise typer.Exit(run_list(data_dir, subject=subject, role=role, own=own, as_json=as_json))


@app.command("create", short_help="Give somebody a role.")
def create_rule(
    subject: Annotated[str, typer.Argument(metavar="SUBJECT")],
    role: Annotated[str, typer.Option(metavar="NAME", help="As in: windlass access roles")],
    data_dir: DataDir = DEFAULT_DATA_DIR,
    kind: Kind = "user",
    project: InProject = None,
    department: InDepartment = None,
    cluster: InCluster = None,
    everywhere: Everywhere = False,
    as_json: AsJson = False,
) -> None:
    """Give a user (by e-mail address), an application (by client id) or a group a role.

    It holds in one project, department or cluster and in all that is or comes below it, or
    everywhere.
    """
    from windlass.cli.access_rules import Place, run_create

    place = Place(project, department, cluster, everywhere)
    raise typer.Exit(run_create(data_dir, subject, kind, role, place, as_json))


@app.command("delete", short_help="Take roles away again.")
def delete_rules(
    ids: Annotated[list[int], typer.Argument(metavar="ID…", min=0)],
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Take roles away again, by the ids that `windlass access list` shows."""
    from windlass.cli.access_rules import run_delete

    raise typer.Exit(run_delete(data_dir, ids))


@app.command("log", short_help="Show what was done, and what was refused.")
def show_log(
    data_dir: DataDir = DEFAULT_DATA_DIR,
    hours: Annotated[
        float, typer.Option(metavar="N", min=0.01, max=100_000, help="Of the last N hours.")
    ] = 24,
    subject: Annotated[
        str | None, typer.Option(metavar="NAME", help="By that user or application.")
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only what was refused.")] = False,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="The newest N.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show the audit log: what was done, and what was refused, oldest first."""
    from windlass.cli.audit_log import LogSelection, run

    selection = LogSelection(hours, subject, failed, limit)
    raise typer.Exit(run(data_dir, selection, as_json))
