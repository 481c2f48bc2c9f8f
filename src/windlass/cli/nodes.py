"""`windlass nodes …`: the machines there are, and those that are only declared."""

import typer

from windlass.cli.options import DEFAULT_DATA_DIR, AsJson, DataDir
from windlass.cli.unit_options import Search

app = typer.Typer(
    help="List nodes. They are what the platform runs on, and what up was told to simulate.",
    short_help="Nodes.",
    no_args_is_help=True,
)


@app.callback()
def _nodes() -> None:
    pass


@app.command("list", short_help="List nodes.")
def list_nodes(
    data_dir: DataDir = DEFAULT_DATA_DIR, search: Search = None, as_json: AsJson = False
) -> None:
    """List nodes with their GPUs, node pools and labels."""
    from windlass.cli.output import print_json, print_table
    from windlass.cli.target import client_of

    with client_of(data_dir) as client:
        found = list(client.nodes(search=search))
    if as_json:
        print_json(found)
        return
    rows = [
        (
            node["name"] + (" (simulated)" if node.get("simulated") else ""),
            node["status"],
            node["nodePool"],
            f"{gpus['gpuCount']} {gpus['gpuType']}" if (gpus := node["gpuInfo"]) else "",
            ", ".join(f"{key}={value}" for key, value in sorted(node.get("labels", {}).items())),
        )
        for node in found
    ]
    print_table(("NAME", "STATUS", "NODE POOL", "GPUS", "LABELS"), rows)
