"""`windlass up`: run the platform in the foreground."""

import logging
import os
import sys

from windlass.cli.configuration import BadOption
from windlass.client import ClientError
from windlass.settings import Settings


def run(settings: Settings) -> None:
    """Run until SIGTERM or Ctrl-C. Raises ClientError that says why it cannot start."""
    # Read by libraries when they are first imported.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(settings.data_dir / "metrics")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    _log_to_standard_error()
    from windlass.kit.garbage import made_to_stay

    with made_to_stay():
        from windlass.app.addresses import AddressTaken
        from windlass.app.bootstrap import OtherDirectory
        from windlass.app.data_directory import DirectoryInUse
        from windlass.app.launch import CannotStart, run_control_plane
        from windlass.app.schema import NewerStore
        from windlass.kit.errors import ApiError

    try:
        run_control_plane(settings)
    except (AddressTaken, CannotStart, DirectoryInUse, NewerStore, OtherDirectory) as error:
        raise ClientError(str(error)) from None
    except ApiError as error:
        raise ClientError(error.message) from None
    except ValueError as error:
        raise BadOption(str(error)) from None
    except OSError as error:
        raise ClientError(f"Cannot start: {error}") from None


def _log_to_standard_error() -> None:
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
