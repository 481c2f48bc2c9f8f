"""The API process alone, in production settings, over a store that the bench fills."""

import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

# Read when prometheus_client is imported, as `windlass up` sets it.
_SCRATCH = tempfile.TemporaryDirectory(prefix="windlass-bench-")
os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", _SCRATCH.name)

from windlass.app.bootstrap import lay_foundation  # noqa: E402
from windlass.app.context import Context  # noqa: E402
from windlass.app.data_directory import DataDirectory  # noqa: E402
from windlass.app.engine import read_catalogue  # noqa: E402
from windlass.app.serving import serve_api  # noqa: E402
from windlass.identity.tokens import Caller  # noqa: E402
from windlass.kit.clock import SystemClock  # noqa: E402
from windlass.kit.database import Database  # noqa: E402
from windlass.settings import Address, Settings  # noqa: E402


@dataclass(frozen=True, slots=True)
class ApiProcess:
    """One running API."""

    url: str
    token: str
    pid: int

    @property
    def headers(self) -> dict[str, str]:
        """What an authenticated request carries."""
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True, slots=True)
class Store:
    """A store with its first tree, to be filled before it is served."""

    context: Context

    def open(self) -> Database:
        """A connection for filling it."""
        return Database(self.context.database_url)

    def elsewhere(self) -> "Store":
        """The same, to be served at another address."""
        address = Address("127.0.0.1", _free_port())
        return Store(replace(self.context, api_address=address))


def make_store(
    folder: Path, database_url: str | None = None, *, host_images: Path | None = None
) -> Store:
    """A fresh platform's store in a folder."""
    settings = Settings(data_dir=folder, database=database_url, host_images=host_images)
    data = DataDirectory(settings.data_dir)
    data.prepare()
    data.metrics.mkdir(exist_ok=True)
    database = Database(database_url or data.database_url)
    foundation = lay_foundation(data, database, settings.domain, SystemClock())
    database.close()
    address = Address("127.0.0.1", _free_port())
    gateway, internal = Address("127.0.0.1", 1), Address("127.0.0.1", 2)
    url = database_url or data.database_url
    catalogue = read_catalogue(settings)
    addresses = (address, gateway, internal)
    return Store(Context(settings, data, url, foundation, catalogue, *addresses, time.time()))


@contextmanager
def serving(
    store: Store,
    core: int,
    *,
    caller: Caller | None = None,
    first: Callable[[], None] = lambda: None,
) -> Iterator[ApiProcess]:
    """Serve the store's API on one core, to the administrator or another caller.

    `first` runs in the process before it serves.
    """
    context = store.context
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((context.api_address.host, context.api_address.port))
    ready, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.sched_setaffinity(0, {core})
        first()
        serve_api(context, listener, lambda: os.close(tell))
        os._exit(0)
    os.close(tell)
    listener.close()
    os.read(ready, 1)
    os.close(ready)
    client_id = str(context.foundation.administrator["client_id"])
    administrator = Caller("bench", client_id, "app", context.tree.tenant_id)
    database = store.open()
    token = context.authority(database).issue(caller or administrator)
    database.close()
    try:
        yield ApiProcess(context.api_url, token, pid)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
