"""The throwaway server: real, private, unprivileged, and gone with whoever started it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, make_url, text

from tools.postgresql import PostgresqlServer

ROOT = Path(__file__).parents[3]


def postmaster_of(folder: Path) -> Path:
    """/proc of the server in a folder."""
    return Path("/proc") / (folder / "data" / "postmaster.pid").read_text().splitlines()[0]


def has_ended(proc: Path) -> bool:
    """Also when nobody has reaped it: a zombie has no command line."""
    try:
        return not (proc / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return True


def folder_of(url: str) -> Path:
    return Path(str(make_url(url).query["host"]))


def test_every_test_has_an_empty_database_of_its_own(
    postgresql_server: PostgresqlServer, postgresql_url: str
) -> None:
    engine = create_engine(postgresql_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE things (id int)"))
    engine.dispose()
    postgresql_server.create_database("beside")
    with psycopg.connect(
        host=str(folder_of(postgresql_url)), user="postgres", dbname="beside"
    ) as other:
        assert other.execute("SELECT to_regclass('things')").fetchone() == (None,)
    postgresql_server.drop_database("beside")


def test_it_runs_as_an_unprivileged_user_and_listens_on_no_port(postgresql_url: str) -> None:
    proc = postmaster_of(folder_of(postgresql_url))
    assert proc.stat().st_uid != 0
    with psycopg.connect(host=str(folder_of(postgresql_url)), user="postgres") as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


@pytest.mark.usefixtures("postgresql_server")
def test_it_ends_when_its_parent_is_killed() -> None:
    script = (
        "from tools.postgresql import PostgresqlServer\n"
        "import time\n"
        "print(PostgresqlServer().url(), flush=True)\n"
        "time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout
    folder = folder_of(parent.stdout.readline().strip())
    proc = postmaster_of(folder)
    os.kill(parent.pid, signal.SIGKILL)
    parent.communicate()
    deadline = time.monotonic() + 30
    while not has_ended(proc):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    shutil.rmtree(folder)


@pytest.mark.usefixtures("postgresql_server")
def test_stopping_it_leaves_nothing_behind() -> None:
    server = PostgresqlServer()
    folder = folder_of(server.url())
    proc = postmaster_of(folder)
    client = psycopg.connect(host=str(folder), user="postgres")
    server.stop()
    assert not folder.exists()
    assert has_ended(proc)
    client.close()
