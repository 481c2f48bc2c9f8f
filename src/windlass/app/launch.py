"""`windlass up`: prepares, forks the API and the controllers, and keeps both running.

Both are forked from one image, so that they share its memory, and end with this process.
"""

import ctypes
import os
import select
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import structlog

from windlass.app.addresses import bind, settle_address
from windlass.app.bootstrap import lay_foundation
from windlass.app.context import Context, make_engine, read_catalogue
from windlass.app.controllers import Controllers
from windlass.app.data_directory import DataDirectory, Membership, write_json
from windlass.app.services import ENVOY, Services
from windlass.app.serving import serve_api
from windlass.kit.clock import SystemClock
from windlass.kit.database import Database
from windlass.settings import Settings

_PR_SET_PDEATHSIG = 1
_FIRST_RESTART_SECONDS = 0.1
_LONGEST_RESTART_SECONDS = 10.0
_STOP_SECONDS = 10.0
_READY_SECONDS = 60.0

_log = structlog.get_logger(__name__)


class CannotStart(Exception):
    """The platform cannot start, for the reason given."""


@dataclass(slots=True)
class _Child:
    name: str
    run: Callable[[Callable[[], None]], None]
    pid: int = 0
    failures: int = 0
    restart_at: float = 0.0


def run_control_plane(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT.

    Raises CannotStart, NewerStore, OtherDirectory, DirectoryInUse, AddressTaken, Unavailable,
    ValueError for options that make no sense, or OSError.
    """
    data = DataDirectory(settings.data_dir)
    data.prepare()
    with data.joined(alone=settings.join is None) as membership:
        context = _prepare(settings, data)
        listener = bind(context.api_address, "--listen")
        _require_free_gateway(context)
        _Parent(context, membership, listener).run()


def _prepare(settings: Settings, data: DataDirectory) -> Context:
    make_engine(settings, data, read_catalogue(settings))
    _empty_metrics(data)
    database_url = settings.database or data.database_url
    database = Database(database_url)
    try:
        foundation = lay_foundation(data, database, settings.domain, SystemClock())
    finally:
        database.close()
    suffix = f":{os.getpid()}" if settings.join else ""
    return Context(
        settings=settings,
        data=data,
        database_url=database_url,
        foundation=foundation,
        api_address=settle_address(data, f"api{suffix}", settings.listen),
        gateway_address=settle_address(data, "gateway", settings.gateway),
        started_at=time.time(),
    )


def _empty_metrics(data: DataDirectory) -> None:
    others = [plane for plane in data.control_planes() if plane.pid != os.getpid()]
    if not others:
        shutil.rmtree(data.metrics, ignore_errors=True)
    data.metrics.mkdir(mode=0o700, exist_ok=True)


def _require_free_gateway(context: Context) -> None:
    services = Services(context.data, context.gateway_address)
    if not services.is_running(ENVOY) or services.serves_elsewhere():
        bind(context.gateway_address, "--gateway").close()


class _Parent:
    """The process that was started: it does nothing but keep its two children."""

    def __init__(self, context: Context, membership: Membership, listener: socket.socket) -> None:
        self._context = context
        self._membership = membership
        self._listener = listener
        self._children = [
            _Child("api", self._run_api),
            _Child("controllers", self._run_controllers),
        ]
        self._stopping = False

    def run(self) -> None:
        """Start both, say when they are ready, and restart what dies until told to stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._request_stop)
        ready = [self._start(child) for child in self._children]
        if self._wait_until_ready(ready):
            self._announce()
        while not self._stopping:
            self._keep()
            time.sleep(0.05)
        self._stop_children()

    def _request_stop(self, _number: int, _frame: object) -> None:
        self._stopping = True

    def _start(self, child: _Child) -> int:
        """Fork; returns the descriptor that becomes readable once the child is ready."""
        ready, tell = os.pipe()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            os.close(ready)
            _run_child(child, parent, tell)
        os.close(tell)
        child.pid = pid
        return ready

    def _wait_until_ready(self, descriptors: list[int]) -> bool:
        deadline = time.monotonic() + _READY_SECONDS
        waiting = set(descriptors)
        while waiting and not self._stopping and time.monotonic() < deadline:
            readable, _, _ = select.select(list(waiting), [], [], 0.05)
            for descriptor in readable:
                if not os.read(descriptor, 1):
                    self._stop_children()
                    raise CannotStart("A process of the control plane ended; its log says why.")
                waiting.discard(descriptor)
        for descriptor in descriptors:
            os.close(descriptor)
        return not waiting

    def _announce(self) -> None:
        context = self._context
        if context.settings.join is None:
            write_json(context.data.administrator, context.administrator_file(os.getpid()))
        self._membership.publish(context.api_url)
        print(f"windlass ready url={context.api_url} gateway={context.gateway_url}", flush=True)

    def _keep(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.pid and _has_ended(child.pid):
                child.pid = 0
                delay = min(_LONGEST_RESTART_SECONDS, _FIRST_RESTART_SECONDS * 2**child.failures)
                child.failures += 1
                child.restart_at = now + delay
                _log.error("a process of the control plane ended", name=child.name, again_in=delay)
            if not child.pid and now >= child.restart_at:
                os.close(self._start(child))

    def _stop_children(self) -> None:
        running = [child.pid for child in self._children if child.pid]
        for number, seconds in ((signal.SIGTERM, _STOP_SECONDS), (signal.SIGKILL, _STOP_SECONDS)):
            for pid in running:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            deadline = time.monotonic() + seconds
            while running and time.monotonic() < deadline:
                running = [pid for pid in running if not _has_ended(pid)]
                time.sleep(0.01)

    def _run_api(self, when_ready: Callable[[], None]) -> None:
        serve_api(self._context, self._listener, when_ready)

    def _run_controllers(self, when_ready: Callable[[], None]) -> None:
        self._listener.close()
        controllers = Controllers(self._context, when_ready)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: controllers.stop())
        controllers.run()


def _run_child(child: _Child, parent: int, tell: int) -> None:
    """In the child: run, and never return."""
    status = 1
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == parent:
            child.run(partial(_tell, tell))
            status = 0
    except BaseException:
        _log.exception("a process of the control plane failed", name=child.name)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _tell(descriptor: int) -> None:
    os.write(descriptor, b"r")


def _has_ended(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True
