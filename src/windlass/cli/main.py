"""The command `windlass`: what can be typed. Each command's work is in a module of its own.

Those modules are imported when their command runs, so that `--help` and short commands are quick.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from windlass import __version__
from windlass.cli import (
    access,
    assets,
    contexts,
    departments,
    images,
    keys,
    node_pools,
    nodes,
    projects,
    users,
    workloads,
)
from windlass.cli.options import CONTEXT_VARIABLE, DEFAULT_DATA_DIR, AsJson, DataDir

app = typer.Typer(
    name="windlass",
    help="Run GPU workloads on this machine: start the platform, deploy models, see how they do.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(access.app, name="access")
app.add_typer(images.app, name="images")
app.add_typer(keys.app, name="keys")
app.add_typer(projects.app, name="projects")
app.add_typer(departments.app, name="departments")
app.add_typer(node_pools.app, name="node-pools")
app.add_typer(nodes.app, name="nodes")
app.add_typer(contexts.app, name="contexts")
app.add_typer(users.app, name="users")


def main() -> None:
    """Run the command that was typed and leave with its exit status."""
    from windlass.cli.outcome import exit_status

    sys.exit(exit_status(app))


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"windlass {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print it.")
    ] = False,
    context: Annotated[
        str | None,
        typer.Option(
            "--context",
            envvar=CONTEXT_VARIABLE,
            metavar="NAME",
            help="For which platform that you have signed in to: windlass contexts list",
        ),
    ] = None,
) -> None:
    if context is not None:
        os.environ[CONTEXT_VARIABLE] = context


@app.command(short_help="Run the platform in the foreground.")
def up(
    data_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help=f"Where everything is kept. [default: {DEFAULT_DATA_DIR}]"
        ),
    ] = None,
    listen: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Where the API listens. [default: 127.0.0.1:8080]"),
    ] = None,
    gateway: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT", help="Where workloads are reached. [default: 127.0.0.1:8081]"
        ),
    ] = None,
    gateway_internal: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Where internal ones are, too. [default: a free port of 127.0.0.1]",
        ),
    ] = None,
    tls: Annotated[
        str | None,
        typer.Option(
            metavar="self-signed", help="TLS with a certificate of its own, for a first try."
        ),
    ] = None,
    tls_certificate: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="API and gateway speak TLS, with this certificate."),
    ] = None,
    tls_key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Its private key. [default: in the same file]"),
    ] = None,
    allow_plain_http: Annotated[
        bool | None,
        typer.Option(
            "--allow-plain-http", help="Speak it to other machines: something in front ends TLS."
        ),
    ] = None,
    external_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Where users reach the API, through something in front of it."
        ),
    ] = None,
    gateway_external_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where they reach workloads, likewise."),
    ] = None,
    domain: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The domain of workloads' hosts. [default: windlass.localhost]"
        ),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(metavar="URL", help="A PostgreSQL. [default: SQLite in the data directory]"),
    ] = None,
    host_images: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A catalogue of commands that run as images host/…"),
    ] = None,
    simulate_gpus: Annotated[
        str | None,
        typer.Option(
            metavar="COUNTxMODEL-MEMORY", help="Declare GPUs that are not there: 8xH100-80GB"
        ),
    ] = None,
    node_label: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="A label of this machine; may be given again."),
    ] = None,
    container_engine: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Docker's or Podman's socket: unix:///PATH, auto or none. [default: auto]",
        ),
    ] = None,
    container_runtime: Annotated[
        str | None, typer.Option(metavar="NAME", help="Docker's runtime of every container.")
    ] = None,
    container_network: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The network of every container: bridge, host, …"),
    ] = None,
    container_ulimit: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=SOFT:HARD", help="A limit of every container; may be given again."
        ),
    ] = None,
    container_pids_limit: Annotated[
        int | None, typer.Option(metavar="N", help="How many processes a container may have.")
    ] = None,
    registry_auth: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Registries' credentials, as Docker's config.json."),
    ] = None,
    node_taint: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE:EFFECT", help="A taint of it; may be given again."),
    ] = None,
    simulate_node: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME,label=…,gpus=…",
            help="Declare a node that is not there, to plan with; may be given again.",
        ),
    ] = None,
    audit_retention_days: Annotated[
        float | None,
        typer.Option(metavar="DAYS", help="How long audit records are kept. [default: 90]"),
    ] = None,
    asset_retention_days: Annotated[
        float | None,
        typer.Option(
            metavar="DAYS", help="How long records of deleted assets are kept. [default: 90]"
        ),
    ] = None,
    join: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Share that data directory with its control plane."),
    ] = None,
) -> None:
    """Run the platform in the foreground; Ctrl-C leaves workloads serving.

    Every option can also be given in the environment, as WINDLASS_ and its name: WINDLASS_LISTEN.
    """
    from windlass.cli.configuration import settings_of
    from windlass.cli.up import run

    given: dict[str, Any] = {
        "data_dir": data_dir,
        "listen": listen,
        "gateway": gateway,
        "gateway_internal": gateway_internal,
        "tls": tls,
        "tls_certificate": tls_certificate,
        "tls_key": tls_key,
        "allow_plain_http": allow_plain_http,
        "external_url": external_url,
        "gateway_external_url": gateway_external_url,
        "domain": domain,
        "database": database,
        "host_images": host_images,
        "simulate_gpus": simulate_gpus,
        "node_labels": node_label,
        "container_engine": container_engine,
        "container_runtime": container_runtime,
        "container_network": container_network,
        "container_ulimits": container_ulimit,
        "container_pids_limit": container_pids_limit,
        "registry_auth": registry_auth,
        "node_taints": node_taint,
        "simulate_nodes": simulate_node,
        "audit_retention_days": audit_retention_days,
        "asset_retention_days": asset_retention_days,
        "join": join,
    }
    run(settings_of(given))


@app.command(short_help="End the platform and every replica.")
def down(data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """End the platform and every replica; records stay, and the next up starts them again."""
    from windlass.cli.configuration import settings_of
    from windlass.cli.down import run

    run(settings_of({"data_dir": data_dir}))


@app.command(short_help="Show the platform itself.")
def status(data_dir: DataDir = DEFAULT_DATA_DIR, as_json: AsJson = False) -> None:
    """Show the platform itself; exit 1 when a part of it is down."""
    from windlass.cli.status import run

    raise typer.Exit(run(data_dir, as_json))


@app.command(short_help="Sign in to a platform.")
def login(
    url: Annotated[
        str | None,
        typer.Argument(metavar="URL", help="[default: the current platform]"),
    ] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    context: Annotated[
        str | None, typer.Option(metavar="NAME", help="What to call it. [default: its host]")
    ] = None,
    user: Annotated[
        str | None, typer.Option(metavar="EMAIL", help="With a password, which is asked for.")
    ] = None,
    access_key: Annotated[
        str | None, typer.Option(metavar="CLIENT-ID", help="With the secret of an access key.")
    ] = None,
    stdin: Annotated[
        bool,
        typer.Option("--stdin", help="Read the password or secret from there, not the terminal."),
    ] = False,
    certificate_authority: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            envvar="WINDLASS_CERTIFICATE_AUTHORITY",
            help="What to trust, in PEM: its certificate, or its authority. It is kept in mind.",
        ),
    ] = None,
) -> None:
    """Sign in to a platform; commands are for it from now on.

    Without --user and --access-key it is done in a browser, of this machine or of another one.
    """
    from windlass.cli.signing_in import Login, run_login

    login = Login(url, context, user, access_key, stdin, certificate_authority)
    raise typer.Exit(run_login(data_dir, login))


@app.command(short_help="Sign out of a platform.")
def logout(
    context: Annotated[
        str | None, typer.Argument(metavar="CONTEXT", help="[default: the current one]")
    ] = None,
) -> None:
    """Sign out of a platform, and forget what was kept of it."""
    from windlass.cli.signing_in import run_logout

    raise typer.Exit(run_logout(context))


@app.command(short_help="Show whom the platform takes you for.")
def whoami(data_dir: DataDir = DEFAULT_DATA_DIR, as_json: AsJson = False) -> None:
    """Show whom the platform takes you for, and which roles you have."""
    from windlass.cli.signing_in import run_whoami

    raise typer.Exit(run_whoami(data_dir, as_json))


# After those above, so that --help lists them last.
app.registered_commands += workloads.app.registered_commands
app.registered_commands += assets.app.registered_commands
