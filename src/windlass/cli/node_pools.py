"""`windlass node-pools …`: list, create, edit and delete node pools."""

from typing import Annotated, Any

import typer

from windlass.cli.options import DEFAULT_DATA_DIR, AsJson, DataDir
from windlass.cli.unit_options import Name, NameOrId, Names

app = typer.Typer(
    help="List, create, edit and delete node pools: nodes with one label, scheduled in one way.",
    short_help="Node pools.",
    no_args_is_help=True,
)

Label = Annotated[str, typer.Option(metavar="KEY=VALUE", help="The label of its nodes.")]
Strategy = Annotated[
    str | None, typer.Option(metavar="binpack|spread", help="How pods are laid out over nodes.")
]
Runtime = Annotated[
    str | None,
    typer.Option(
        metavar="5d8h40m", help="How long preemptible workloads run before they may be evicted."
    ),
]


@app.command("list", short_help="List node pools.")
def list_pools(data_dir: DataDir = DEFAULT_DATA_DIR, as_json: AsJson = False) -> None:
    """List node pools with their nodes."""
    from windlass.cli.output import print_json, print_table
    from windlass.cli.target import client_of

    with client_of(data_dir) as client:
        found = list(client.node_pools())
    if as_json:
        print_json(found)
        return
    rows = [
        (
            pool["name"],
            f"{pool['labelKey']}={pool['labelValue']}",
            pool["phase"],
            str(len(pool["status"]["nodes"])),
            f"{pool['placementStrategy']['gpu']}/{pool['placementStrategy']['cpu']}",
            pool["id"],
        )
        for pool in found
    ]
    print_table(("NAME", "LABEL", "PHASE", "NODES", "GPU/CPU PLACEMENT", "ID"), rows)


@app.command("create", short_help="Create a node pool.")
def create(
    name: Name,
    label: Label,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    gpu_placement: Strategy = None,
    cpu_placement: Strategy = None,
    min_guaranteed_runtime: Runtime = None,
    as_json: AsJson = False,
) -> None:
    """Create a node pool of the nodes with a label; units have no GPUs there until it is said."""
    from windlass.cli.output import print_json
    from windlass.cli.target import client_of

    with client_of(data_dir) as client:
        body = _changes(label, gpu_placement, cpu_placement, min_guaranteed_runtime)
        cluster = client.clusters()[0]["uuid"]
        made = client.create_node_pool({"name": name, "clusterId": cluster, **body})
    if as_json:
        print_json(made)
    else:
        nodes = ", ".join(made["status"]["nodes"]) or "no node yet"
        print(f"The node pool {made['name']} is there, with {nodes}.")


@app.command("edit", short_help="Change a node pool.")
def edit(
    name: NameOrId,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    label: Annotated[
        str | None, typer.Option(metavar="KEY=VALUE", help="The label of its nodes.")
    ] = None,
    gpu_placement: Strategy = None,
    cpu_placement: Strategy = None,
    min_guaranteed_runtime: Runtime = None,
    as_json: AsJson = False,
) -> None:
    """Change what is given of a node pool; the rest stays."""
    from windlass.cli.output import print_json
    from windlass.cli.target import client_of

    with client_of(data_dir) as client:
        body = _changes(label, gpu_placement, cpu_placement, min_guaranteed_runtime)
        changed = client.change_node_pool(_find(client, name), body)
    if as_json:
        print_json(changed)
    else:
        print(f"The node pool {changed['name']} is changed.")


@app.command("delete", short_help="Delete node pools.")
def delete(names: Names, data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """Delete node pools that nobody uses; their nodes come into the default one."""
    from windlass.cli.target import client_of

    with client_of(data_dir) as client:
        found = {_find(client, name): name for name in names}
        for pool_id, name in found.items():
            client.delete_node_pool(pool_id)
            print(f"{name} is gone.")


def _changes(
    label: str | None, gpu: str | None, cpu: str | None, runtime: str | None
) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if label is not None:
        key, separator, value = label.partition("=")
        if not separator:
            raise typer.BadParameter(f"{label!r} is not KEY=VALUE", param_hint="--label")
        body |= {"labelKey": key, "labelValue": value}
    strategy = {"gpu": gpu, "cpu": cpu}
    given = {name: value for name, value in strategy.items() if value is not None}
    configuration: dict[str, Any] = {"placementStrategy": given} if given else {}
    if runtime is not None:
        configuration["minGuaranteedRuntime"] = runtime
    return {**body, "schedulingConfiguration": configuration} if configuration else body


def _find(client: Any, name_or_id: str) -> str:
    from windlass.cli.units import NoSuchUnit

    for pool in client.node_pools():
        if name_or_id in (pool["name"], pool["id"]):
            return str(pool["id"])
    raise NoSuchUnit(f"There is no node pool {name_or_id!r}. All: windlass node-pools list")
