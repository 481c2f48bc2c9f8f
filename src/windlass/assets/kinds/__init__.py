"""The kinds of assets there are. A new one is a module here and its name in `KINDS`."""

from windlass.assets.kind import Kind
from windlass.assets.kinds.compute import COMPUTE

KINDS: tuple[Kind, ...] = (COMPUTE,)
