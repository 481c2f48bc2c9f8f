"""From how a command ended to an exit status, with a sentence where it failed.

0 done, 1 failed, 2 wrong usage, 130 ended by Ctrl-C.
"""

import os
import sys
from collections.abc import Callable


def exit_status(command: Callable[[], object]) -> int:
    """Run a command; what it raises on purpose becomes a sentence on standard error."""
    try:
        command()
    except SystemExit as leaving:
        return _flushed(leaving.code if isinstance(leaving.code, int) else int(bool(leaving.code)))
    except Exception as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        print(f"windlass: {sentence}", file=sys.stderr)
        return 1
    return _flushed(0)


def _flushed(status: int) -> int:
    """The status; 1 where whoever read our output, such as `head`, has gone."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter flushes once more at its end and must not complain then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return status or 1
    return status


def _sentence(error: Exception) -> str | None:
    # Imported only now: it brings an HTTP library along, which `--help` has no use for.
    from windlass.cli.output import printable
    from windlass.client import ApiError, ClientError

    if not isinstance(error, ClientError):
        return None
    if isinstance(error, ApiError) and error.request_id:
        return printable(f"{error} (request {error.request_id})")
    return printable(str(error))
