"""Python's collector of reference cycles, kept from passes that would find nothing."""

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


@contextmanager
def made_to_stay() -> Iterator[None]:
    """Make what stays for as long as the process, such as what modules define.

    The collector never walks over it, nor over anything made before: not while it is made, and not
    afterwards. What is in a cycle by then is never freed. A process forked later goes on sharing
    the memory of all that, which a pass would write to.
    """
    with collector_paused():
        yield
        gc.freeze()
