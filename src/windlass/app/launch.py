"""`windlass up`: prepares, forks the API and the controllers, and keeps both running.

Both are forked from one image, so that they share its memory, and end with this process.
"""

import os
import shutil
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

from windlass.app.addresses import bind, settle_address
from windlass.app.bootstrap import lay_foundation
from windlass.app.children import Child, GaveUp, News, stop
from windlass.app.context import Context
from windlass.app.controllers import Controllers
from windlass.app.data_directory import DataDirectory, Membership, read_json, write_json
from windlass.app.engine import make_engine, read_catalogue
from windlass.app.serving import serve_api
from windlass.app.tls.keeper import CertificateKeeper
from windlass.app.tls.options import require_no_plain_http, settle_tls
from windlass.kit.clock import SystemClock
from windlass.kit.database import Database
from windlass.settings import Address, Settings

_LOOK_SECONDS = 0.05
_LOOK_WHILE_BOTH_RUN_SECONDS = 0.5


class CannotStart(Exception):
    """The platform cannot start, for the reason given."""


def run_control_plane(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT.

    Raises CannotStart, NewerStore, OtherDirectory, DirectoryInUse, AddressTaken, Unavailable,
    ValueError for options that make no sense, or OSError.
    """
    data = DataDirectory(settings.data_dir)
    data.prepare()
    # The store and its journal, too, are made for the platform's own user alone.
    os.umask(0o077)
    with data.joined(alone=settings.join is None) as membership:
        if settings.join is not None:
            _wait_for_the_first(data)
        with data.preparing():
            context = _prepare(settings, data)
        listener = bind(context.api_address, "--listen")
        _require_free_gateway(context)
        _Parent(context, membership, listener).run()


def _wait_for_the_first(data: DataDirectory) -> None:
    """Wait until the control plane that one joins, which may have begun just now, has options.

    Raises CannotStart when there is none.
    """
    while not read_json(data.shared_options):
        if all(plane.pid == os.getpid() for plane in data.control_planes()):
            raise CannotStart(
                f"Nothing runs in {data.root} yet that could be joined. Start the first control "
                "plane without --join."
            )
        time.sleep(_LOOK_SECONDS)


def _prepare(settings: Settings, data: DataDirectory) -> Context:
    catalogue = read_catalogue(settings)
    make_engine(settings, data, catalogue)
    clock = SystemClock()
    if settings.join is not None:
        settings = _as_the_first(settings, data)
    tls = settle_tls(settings, data.tls, clock)
    require_no_plain_http(settings, speaks_tls=tls is not None)
    _empty_metrics(data)
    database_url = settings.database or data.database_url
    database = Database(database_url)
    try:
        foundation = lay_foundation(data, database, settings.domain, clock)
    finally:
        database.close()
    suffix = f":{os.getpid()}" if settings.join else ""
    context = Context(
        settings=settings,
        data=data,
        database_url=database_url,
        foundation=foundation,
        catalogue=catalogue,
        api_address=settle_address(data, f"api{suffix}", settings.listen),
        gateway_address=settle_address(data, "gateway", settings.gateway),
        internal_address=settle_address(data, "gateway-internal", settings.gateway_internal),
        started_at=time.time(),
        tls=tls,
    )
    if settings.join is None:
        _share_options(context)
    return context


def _as_the_first(settings: Settings, data: DataDirectory) -> Settings:
    """The settings of one that joins: there is one gateway, under one domain and one URL, and one
    certificate. Unless it says otherwise, its API is behind what the first one's is behind.

    Raises ValueError where it was given another certificate.
    """
    known = read_json(data.shared_options)
    if not known:
        return settings
    of_tls = {
        "tls": known["tls"],
        "tls_certificate": known["tls_certificate"] and Path(known["tls_certificate"]),
        "tls_key": known["tls_key"] and Path(known["tls_key"]),
    }
    for name, of_the_first in of_tls.items():
        if getattr(settings, name) not in (None, of_the_first):
            raise ValueError(
                f"--{name.replace('_', '-')}: all control planes of a data directory have one "
                "certificate, that of the first; leave the option out"
            )
    addresses = {name: Address.parse(known[name]) for name in ("gateway", "gateway_internal")}
    in_front = {
        # A first one of an earlier version knows neither.
        "external_url": settings.external_url or known.get("external_url"),
        "gateway_external_url": known.get("gateway_external_url"),
    }
    return settings.model_copy(
        update={**addresses, "domain": known["domain"], **in_front, **of_tls}
    )


def _share_options(context: Context) -> None:
    settings = context.settings
    known = {
        "gateway": str(context.gateway_address),
        "gateway_internal": str(context.internal_address),
        "domain": settings.domain,
        "external_url": settings.external_url,
        "gateway_external_url": settings.gateway_external_url,
        "tls": settings.tls,
        "tls_certificate": settings.tls_certificate and str(settings.tls_certificate),
        "tls_key": settings.tls_key and str(settings.tls_key),
    }
    write_json(context.data.shared_options, known)


def _empty_metrics(data: DataDirectory) -> None:
    others = [plane for plane in data.control_planes() if plane.pid != os.getpid()]
    if not others:
        shutil.rmtree(data.metrics, ignore_errors=True)
    data.metrics.mkdir(mode=0o700, exist_ok=True)


def _require_free_gateway(context: Context) -> None:
    services = context.services()
    asked = {"--gateway": context.gateway_address, "--gateway-internal": context.internal_address}
    for option, address in asked.items():
        if not services.listens_at(address):
            bind(address, option).close()


class _Parent:
    """The process that was started: it does nothing but keep its two children."""

    def __init__(self, context: Context, membership: Membership, listener: socket.socket) -> None:
        self._context = context
        self._membership = membership
        self._listener = listener
        self._children = [
            Child("api", self._run_api),
            Child("controllers", self._run_controllers),
        ]
        tls = context.tls
        self._certificate = None if tls is None else CertificateKeeper(tls, SystemClock())
        self._announced = False
        self._stopping = False

    def run(self) -> None:
        """Start both, say when they are ready, and restart what dies until told to stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._request_stop)
        news = News()
        try:
            while not self._stopping:
                self._keep()
                both_run = all(child.runs for child in self._children)
                pause = _LOOK_WHILE_BOTH_RUN_SECONDS if both_run else _LOOK_SECONDS
                news.wait(self._children, pause)
        except GaveUp as error:
            raise CannotStart(f"The {error} process ended; its log says why.") from None
        finally:
            stop(self._children)

    def _request_stop(self, _number: int, _frame: object) -> None:
        self._stopping = True

    def _keep(self) -> None:
        # A child that is forked anew starts from the last sound version of the host images, and
        # from the last sound certificate.
        self._context.catalogue.entries()
        if self._certificate is not None:
            self._certificate.look()
        for child in self._children:
            child.keep()
        if not self._announced and all(child.has_been_ready for child in self._children):
            self._announced = True
            self._announce()
        if self._announced and not self._is_named():
            self._name()

    def _is_named(self) -> bool:
        """Whether `admin.json` names a running control plane, this one or the one it joined."""
        named = self._context.data.administrator_pid()
        return named is not None and self._context.data.is_running(named)

    def _name(self) -> None:
        context = self._context
        write_json(context.data.administrator, context.administrator_file(os.getpid()))

    def _announce(self) -> None:
        context = self._context
        if context.settings.join is None:
            self._name()
        self._membership.publish(context.api_url)
        print(f"windlass ready url={context.api_url} gateway={context.gateway_url}", flush=True)

    def _run_api(self, when_ready: Callable[[], None]) -> None:
        serve_api(self._context, self._listener, when_ready)

    def _run_controllers(self, when_ready: Callable[[], None]) -> None:
        self._listener.close()
        controllers = Controllers(self._context, when_ready)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: controllers.stop())
        controllers.run()
