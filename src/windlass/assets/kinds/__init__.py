"""The kinds of assets there are. A new one is a module here and its name in `SERVED_ALIKE`."""

from windlass.assets.kind import Kind
from windlass.assets.kinds.compute import COMPUTE
from windlass.assets.kinds.credentials import CREDENTIALS
from windlass.assets.kinds.data_sources import DATA_SOURCES
from windlass.assets.kinds.data_volume import DATA_VOLUME
from windlass.assets.kinds.environment import ENVIRONMENT
from windlass.assets.kinds.template import WORKLOAD_TEMPLATE

SERVED_ALIKE: tuple[Kind, ...] = (
    COMPUTE,
    ENVIRONMENT,
    *CREDENTIALS,
    *DATA_SOURCES,
    WORKLOAD_TEMPLATE,
)
"""Those with the same five operations on `meta` and `spec`."""
KINDS: tuple[Kind, ...] = (*SERVED_ALIKE, DATA_VOLUME)
KINDS_BY_NAME = {kind.name: kind for kind in KINDS}

FAMILIES: dict[str, tuple[Kind, ...]] = {
    path: tuple(kind for kind in KINDS if kind.family == path)
    for path in dict.fromkeys(kind.family for kind in KINDS if kind.family)
}
"""Kinds that have a list together, by its path."""

__all__ = [
    "COMPUTE",
    "DATA_VOLUME",
    "ENVIRONMENT",
    "FAMILIES",
    "KINDS",
    "KINDS_BY_NAME",
    "SERVED_ALIKE",
    "WORKLOAD_TEMPLATE",
]
