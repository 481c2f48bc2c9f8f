"""`windlass contexts …`: the platforms that one has signed in to."""

from typing import Annotated

import typer

from windlass.cli.options import AsJson

app = typer.Typer(
    help="See which platforms you have signed in to, and change which one commands are for.",
    short_help="Platforms that you have signed in to.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(metavar="NAME")]


@app.command("list", short_help="List contexts.")
def list_contexts(as_json: AsJson = False) -> None:
    """List contexts; the current one has a star."""
    from windlass.cli.output import print_json, print_table
    from windlass.client import ContextFile

    file = ContextFile.default()
    current, known = file.current_name(), file.all()
    if as_json:
        print_json(
            [
                {
                    "name": each.name,
                    "url": each.url,
                    "who": each.who,
                    "current": each.name == current,
                }
                for each in known
            ]
        )
        return
    if not known:
        print("You have signed in nowhere. Sign in with: windlass login URL")
        return
    rows = [("*" if each.name == current else " ", each.name, each.url, each.who) for each in known]
    print_table((" ", "NAME", "PLATFORM", "AS"), rows)


@app.command("use", short_help="Make a context the current one.")
def use_context(name: Name) -> None:
    """Make a context the current one: commands are for its platform from now on."""
    from windlass.client import ContextFile

    ContextFile.default().use(name)
    print(f"Commands are for {name} now.")
