"""What can be typed about workloads: `windlass ls`, `submit`, `describe` and others.

As in `main`, each command's work is in a module that is imported when the command runs.
"""

from pathlib import Path
from typing import Annotated

import typer

from windlass.cli.options import DEFAULT_DATA_DIR, AsJson, DataDir, Project, Timeout

app = typer.Typer()

OnlyProject = Annotated[
    str | None, typer.Option("--project", "-p", metavar="NAME", help="Only of this project.")
]


@app.command(short_help="List workloads.")
def ls(
    data_dir: DataDir = DEFAULT_DATA_DIR,
    deleted: Annotated[bool, typer.Option("--deleted", help="Those gone within 14 days.")] = False,
    project: OnlyProject = None,
    phase: Annotated[
        str | None, typer.Option(metavar="PHASE", help="Only in this phase: Running, Pending, …")
    ] = None,
    search: Annotated[str | None, typer.Option(metavar="TEXT", help="Only with this text.")] = None,
    filters: Annotated[
        list[str] | None,
        typer.Option(
            "--filter", metavar="FIELD==VALUE", help="As the API's filterBy; may be given again."
        ),
    ] = None,
    sort: Annotated[str, typer.Option(metavar="FIELD", help="name, createdAt, phase, …")] = "name",
    reverse: Annotated[bool, typer.Option("--reverse", help="Sort the other way round.")] = False,
    limit: Annotated[int | None, typer.Option(metavar="N", min=1, help="At most so many.")] = None,
    as_json: AsJson = False,
) -> None:
    """List workloads."""
    from windlass.cli.listing import Selection, run

    selection = Selection(
        deleted=deleted,
        project=project,
        phase=phase,
        search=search,
        filters=filters or (),
        sort_by=sort,
        descending=reverse,
        limit=limit,
    )
    raise typer.Exit(run(data_dir, selection, as_json))


@app.command(short_help="Watch what workloads are doing.")
def top(
    data_dir: DataDir = DEFAULT_DATA_DIR,
    project: OnlyProject = None,
    interval: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.5, max=9.0, help="How often to look.")
    ] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Look once, and end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Watch replicas, requests a second, latency, requests in flight and held; Ctrl-C ends it."""
    from windlass.cli.top import Watch, run

    raise typer.Exit(run(data_dir, Watch(project, interval, once, as_json)))


@app.command(short_help="Show one workload, and why it is as it is.")
def describe(
    name: Annotated[str, typer.Argument(metavar="NAME|ID")],
    data_dir: DataDir = DEFAULT_DATA_DIR,
    project: Project = None,
    events: Annotated[int, typer.Option(metavar="N", min=1, max=500, help="How many events.")] = 15,
    as_json: AsJson = False,
) -> None:
    """Show one workload: why it is as it is, its replicas, its last events."""
    from windlass.cli.description import run

    raise typer.Exit(run(data_dir, name, project=project, event_limit=events, as_json=as_json))


@app.command(short_help="Print what a replica wrote.")
def logs(
    name: Annotated[str, typer.Argument(metavar="NAME|ID")],
    data_dir: DataDir = DEFAULT_DATA_DIR,
    project: Project = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as it is written.")] = False,
    pod: Annotated[
        str | None, typer.Option(metavar="NAME|ID", help="Which pod. [default: the newest running]")
    ] = None,
    tail: Annotated[int | None, typer.Option(metavar="N", min=0, help="The last N lines.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print what a replica wrote."""
    from windlass.cli.logs import run

    raise typer.Exit(
        run(data_dir, name, project=project, pod=pod, follow=follow, tail=tail, as_json=as_json)
    )


@app.command(short_help="End workloads.")
def delete(
    names: Annotated[list[str], typer.Argument(metavar="NAME|ID…")],
    data_dir: DataDir = DEFAULT_DATA_DIR,
    project: Project = None,
    kind: Annotated[
        str | None,
        typer.Option(metavar="KIND", help="Not workloads, but assets: compute, environment, …"),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Until they are gone.")] = False,
    timeout: Timeout = None,
    as_json: AsJson = False,
) -> None:
    """End workloads: all that are named, or none when one of the names does not fit."""
    if kind is not None:
        from windlass.cli.applying import run_delete

        raise typer.Exit(run_delete(data_dir, kind, names, project=project))
    from windlass.cli.deletion import run

    raise typer.Exit(
        run(
            data_dir,
            names,
            project=project,
            wait=wait,
            timeout_seconds=timeout,
            as_json=as_json,
        )
    )


@app.command(short_help="Create workloads from a file or a template and watch them start.")
def submit(
    files: Annotated[
        list[Path] | None,
        typer.Option(
            "--file",
            "-f",
            metavar="FILE",
            help="YAML or JSON, - for standard input; again for more.",
        ),
    ] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    project: Annotated[
        str | None,
        typer.Option("--project", "-p", metavar="NAME", help="For those that name no projectId."),
    ] = None,
    template: Annotated[
        str | None,
        typer.Option("--template", "-t", metavar="NAME", help="Made from this template."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="With a template, instead of a file.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be made, and what says so.")
    ] = False,
    wait: Annotated[bool, typer.Option(help="Until they run or fail.")] = True,
    timeout: Timeout = None,
    as_json: AsJson = False,
) -> None:
    """Create workloads and watch them until they run; exit 1 when one is refused or fails.

    FILE holds bodies of POST /api/v1/workloads/inferences. projectId and clusterId may be left out.
    """
    from windlass.cli.submission import Submission, run

    submission = Submission(
        files or (), project, wait, timeout, as_json, template, name, dry_run=dry_run
    )
    raise typer.Exit(run(data_dir, submission))
