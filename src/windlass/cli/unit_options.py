"""Options of the commands about departments and projects."""

from typing import Annotated

import typer

Gpus = Annotated[
    float | None, typer.Option(metavar="N", help="GPUs that are guaranteed; -1: unlimited.")
]
GpuLimit = Annotated[
    float | None, typer.Option(metavar="N", help="GPUs that are never exceeded; -1: unlimited.")
]
OverQuotaWeight = Annotated[
    float | None,
    typer.Option(metavar="W", help="By what measure to share idle GPUs; 0: not at all."),
]
Cpus = Annotated[
    float | None, typer.Option(metavar="N", help="CPU cores that are guaranteed; -1: unlimited.")
]
MemoryGb = Annotated[
    float | None, typer.Option(metavar="GB", help="Memory that is guaranteed; -1: unlimited.")
]
Rank = Annotated[
    str | None, typer.Option(metavar="NAME", help="Who gets idle GPUs first: very-low … very-high.")
]
Pool = Annotated[
    str | None, typer.Option(metavar="NAME", help="Of this node pool. [default: the default one]")
]
DefaultPools = Annotated[
    str | None,
    typer.Option(metavar="NAME,…", help="Node pools of workloads that name none, in order."),
]
Description = Annotated[str | None, typer.Option(metavar="TEXT", help="What it is for.")]
Search = Annotated[str | None, typer.Option(metavar="TEXT", help="Only with this text.")]
Names = Annotated[list[str], typer.Argument(metavar="NAME|ID…")]
Name = Annotated[str, typer.Argument(metavar="NAME")]
NameOrId = Annotated[str, typer.Argument(metavar="NAME|ID")]


def names_of(text: str | None) -> list[str] | None:
    """The names in a comma-joined option; None where it is not given."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]
