"""Ends everything of one data directory: control planes, replicas, gateway."""

import os
import signal
from contextlib import suppress

from windlass.app.data_directory import DataDirectory
from windlass.app.engine import make_engine
from windlass.app.services import Services
from windlass.engines.local.processes.catalogue import Catalogue
from windlass.settings import Settings

_CONTROL_PLANE_SECONDS = 15.0
_REPLICA_GRACE_SECONDS = 10.0
_SERVICE_GRACE_SECONDS = 2.0


class StillRunning(Exception):
    """Something did not end."""


def end_everything(settings: Settings) -> None:
    """Raises StillRunning, or OSError."""
    data = DataDirectory(settings.data_dir)
    data.prepare()
    _end_control_planes(data)
    with data.joined(alone=True):
        try:
            make_engine(settings, data, Catalogue()).stop_everything(_REPLICA_GRACE_SECONDS)
            Services(data, settings.gateway, settings.gateway_internal).stop(_SERVICE_GRACE_SECONDS)
        except TimeoutError as error:
            raise StillRunning(f"{error}. Try again once they can be ended.") from None


def _end_control_planes(data: DataDirectory) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        for plane in data.control_planes():
            with suppress(ProcessLookupError):
                os.kill(plane.pid, number)
        if data.wait_until_alone(_CONTROL_PLANE_SECONDS):
            return
    running = ", ".join(str(plane.pid) for plane in data.control_planes())
    raise StillRunning(f"The control plane does not end (process {running}).")
