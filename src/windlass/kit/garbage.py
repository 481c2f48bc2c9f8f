"""Python's collector of reference cycles, paused where its passes would find nothing."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Leave reference cycles for later.

    For a computation that makes many objects and drops none of them in cycles: each pass would walk
    over all that it holds, and over what the process holds besides. Of computations that overlap in
    threads the first to begin ends the pause.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
