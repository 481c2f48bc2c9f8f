"""Options of the commands about departments and projects."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import typer

Search = Annotated[str | None, typer.Option(metavar="TEXT", help="Only with this text.")]
Names = Annotated[list[str], typer.Argument(metavar="NAME|ID…")]
Name = Annotated[str, typer.Argument(metavar="NAME")]
NameOrId = Annotated[str, typer.Argument(metavar="NAME|ID")]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a unit is to have, in one option each; None leaves it as it is."""

    gpus: Annotated[
        float | None, typer.Option(metavar="N", help="GPUs that are guaranteed; -1: unlimited.")
    ] = None
    gpu_limit: Annotated[
        float | None,
        typer.Option(metavar="N", help="GPUs that are never exceeded; -1: unlimited."),
    ] = None
    over_quota_weight: Annotated[
        float | None,
        typer.Option(metavar="W", help="By what measure to share idle GPUs; 0: not at all."),
    ] = None
    cpus: Annotated[
        float | None,
        typer.Option(metavar="N", help="CPU cores that are guaranteed; -1: unlimited."),
    ] = None
    memory_gb: Annotated[
        float | None, typer.Option(metavar="GB", help="Memory that is guaranteed; -1: unlimited.")
    ] = None
    rank: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Who gets idle GPUs first: very-low … very-high."),
    ] = None
    pool: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of this node pool. [default: the default one]"),
    ] = None
    default_pools: Annotated[
        str | None,
        typer.Option(metavar="NAME,…", help="Node pools of workloads that name none, in order."),
    ] = None
    description: Annotated[str | None, typer.Option(metavar="TEXT", help="What it is for.")] = None

    @property
    def has_resources(self) -> bool:
        """Whether there is something to say of a node pool."""
        amounts = (self.gpus, self.gpu_limit, self.over_quota_weight, self.cpus, self.memory_gb)
        return self.rank is not None or any(amount is not None for amount in amounts)

    @property
    def default_pool_names(self) -> list[str]:
        """The names in `default_pools`."""
        return [name.strip() for name in (self.default_pools or "").split(",") if name.strip()]


def with_wanted(command: Callable[..., None]) -> Callable[..., None]:
    """The command as it is typed: with the options of `Wanted` where it has `wanted`."""
    options = inspect.signature(Wanted).parameters

    @functools.wraps(command)
    def typed(**given: Any) -> None:
        wanted = Wanted(**{name: given.pop(name) for name in options})
        command(wanted=wanted, **given)

    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        parameters += options.values() if name == "wanted" else [parameter]
    by_name = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters]
    typed.__signature__ = inspect.Signature(by_name)  # type: ignore[attr-defined]
    return typed
