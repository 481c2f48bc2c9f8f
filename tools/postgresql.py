"""A throwaway PostgreSQL server for tests.

It keeps its data in a temporary folder, in memory where there is room, listens on a Unix socket
there and nowhere else, does not care for durability, and ends with the process that started it. It
never runs as root, which PostgreSQL refuses to.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

_START_TIMEOUT_SECONDS = 60.0
_DEBIAN_VERSIONS = Path("/usr/lib/postgresql")
_MEMORY = Path("/dev/shm")
_NEEDED_BYTES = 2**30
_OWNER = "postgres"
_SETTINGS = {
    "autovacuum": "off",
    "fsync": "off",
    "full_page_writes": "off",
    "listen_addresses": "",
    "max_connections": "300",
    "shared_buffers": "32MB",
    "synchronous_commit": "off",
    "unix_socket_permissions": "0777",
}


class PostgresqlMissing(Exception):
    """No PostgreSQL server program is installed here."""


class PostgresqlServer:
    """A running server. Raises PostgresqlMissing."""

    def __init__(self) -> None:
        self._programs = find_programs()
        self._identity = _unprivileged_identity()
        self._folder = Path(tempfile.mkdtemp(prefix="windlass-postgresql-", dir=_roomy_memory()))
        self._log = self._folder / "log"
        if self._identity:
            os.chown(self._folder, self._identity["user"], self._identity["group"])
        # Tests that run as other users connect, too.
        self._folder.chmod(0o755)
        try:
            self._make_cluster()
            self._process = self._start()
        except BaseException:
            shutil.rmtree(self._folder)
            raise

    def url(self, database: str = "postgres") -> str:
        """SQLAlchemy's URL of one database."""
        return f"postgresql+psycopg://{_OWNER}@/{database}?host={self._folder}"

    def create_database(self, name: str, template: str = "template1") -> None:
        """A new database; nobody may be connected to its template."""
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')

    def drop_database(self, name: str) -> None:
        """Drop a database and cut whoever is still connected to it."""
        self._execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def halt(self) -> None:
        """End the server and cut whoever is connected; `start_again` finds what it had."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait()

    def start_again(self) -> None:
        """Start a server that was halted, with the data it had."""
        self._process = self._start()

    def stop(self) -> None:
        """End the server and leave nothing behind."""
        self.halt()
        shutil.rmtree(self._folder)

    def _make_cluster(self) -> None:
        command = [f"{self._programs}/initdb", "--pgdata", f"{self._folder}/data"]
        command += ["--username", _OWNER]
        command += ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        with self._log.open("w") as log:
            made = subprocess.run(
                command, cwd=self._folder, stdout=log, stderr=log, **self._identity
            )
        if made.returncode != 0:
            raise RuntimeError(f"initdb failed: {self._log.read_text()}")

    def _start(self) -> subprocess.Popen[bytes]:
        # The server must not outlive a test run that is killed: SIGQUIT ends it at once.
        command = ["setpriv", "--pdeathsig", "QUIT", "--", f"{self._programs}/postgres"]
        command += ["-D", f"{self._folder}/data", "-k", f"{self._folder}"]
        for name, value in _SETTINGS.items():
            command += ["-c", f"{name}={value}"]
        with self._log.open("a") as log:
            process = subprocess.Popen(
                command, cwd=self._folder, stdout=log, stderr=log, **self._identity
            )
        deadline = time.monotonic() + _START_TIMEOUT_SECONDS
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                process.wait()
                raise RuntimeError(f"PostgreSQL did not start: {self._log.read_text()}")
            time.sleep(0.02)
        return process

    def _answers(self) -> bool:
        try:
            self._execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _execute(self, statement: str) -> None:
        with psycopg.connect(
            host=str(self._folder), user=_OWNER, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement.encode())


def find_programs() -> Path:
    """The folder with `initdb` and `postgres`, the newest there is. Raises PostgresqlMissing."""
    debian = sorted(_DEBIAN_VERSIONS.glob("*/bin"), key=lambda path: int(path.parent.name))
    on_path = [Path(found).resolve().parent for found in [shutil.which("postgres")] if found]
    for folder in [*reversed(debian), *on_path]:
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            return folder
    raise PostgresqlMissing("PostgreSQL is not installed")


def _roomy_memory() -> Path | None:
    """The memory file system, where a database is made several times faster than on a busy disk."""
    try:
        free = shutil.disk_usage(_MEMORY).free
    except OSError:
        return None
    return _MEMORY if free >= _NEEDED_BYTES and os.access(_MEMORY, os.W_OK) else None


def _unprivileged_identity() -> dict[str, Any]:
    """What `subprocess` needs to run as another user, if this one is root."""
    if os.geteuid() != 0:
        return {}
    try:
        entry = pwd.getpwnam(_OWNER)
    except KeyError:
        entry = pwd.getpwnam("nobody")
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
