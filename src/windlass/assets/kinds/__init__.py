"""The kinds of assets there are. A new one is a module here and its name in `KINDS`."""

from windlass.assets.kind import Kind
from windlass.assets.kinds.compute import COMPUTE
from windlass.assets.kinds.environment import ENVIRONMENT

KINDS: tuple[Kind, ...] = (COMPUTE, ENVIRONMENT)
