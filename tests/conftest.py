"""Fixtures for tests of every kind: databases, and the vendor's own client."""

import gc
import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.vendors_client import VendorsClient
from tools.container_engine import EngineMissing, OwnEngine
from tools.docker import Docker
from tools.podman import Podman
from tools.postgresql import PostgresqlMissing, PostgresqlServer
from tools.suite_results import DATABASE_PROPERTY, ResultsCollector
from windlass.app.schema import bring_up_to_date
from windlass.kit.database import Database

ROOT = Path(__file__).parent.parent
RUNAPY_VERSIONS = ("1.222.0", "1.224.0")

RunWithRunapy = Callable[..., "subprocess.CompletedProcess[str]"]


LONGEST_FIRST = (
    # tests/unit
    "test_run_suites.py",
    # tests/api
    "test_permission_table.py",
    "test_random_requests.py",
    "test_hostile_bodies.py",
    "test_reaching_across.py",
    "test_runapy_operations.py",
    # tests/integration
    "test_setup.py",
    "test_time_outs.py",
    "test_slots_end.py",
    "test_measurement.py",
    # tests/end_to_end: thousands of requests beside what mostly waits, then whatever takes longest
    "test_scale_to_zero.py",
    "test_autoscaling.py",
    "test_connectivity_fields.py",
    "test_images.py",
    "test_restarts.py",
    "test_demo.py",
    "test_container_guarantees.py",
    "test_start_and_stop.py",
    "test_container_fields.py",
    "test_tls.py",
    "test_cli.py",
    "test_bad_luck.py",
    "test_templates_page.py",
    "test_access_page.py",
)
"""Files that take longest. A file is for one process alone: none of these should begin when the
others are about to end."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--results", type=Path, metavar="FILE", help="write outcomes there as JSON")


def pytest_configure(config: pytest.Config) -> None:
    # Whoever starts the tests in the background has interrupts ignored, and all that they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Nor do tests depend on what container engine the machine has: they bring their own.
    os.environ["WINDLASS_CONTAINER_ENGINE"] = "none"
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(ResultsCollector(config.getoption("--results")))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ranks = {name: rank for rank, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: ranks.get(item.path.name, len(ranks)))


def pytest_collection_finish() -> None:
    # What was imported and collected stays: the collector need not walk over it again and again.
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    """A real server of this run's own; tests that need it are skipped where none is installed."""
    try:
        server = PostgresqlServer()
    except PostgresqlMissing as missing:
        pytest.skip(str(missing))
    yield server
    server.stop()


@pytest.fixture
def postgresql_url(
    request: pytest.FixtureRequest, postgresql_server: PostgresqlServer
) -> Iterator[str]:
    """An empty PostgreSQL database of this test's own, as SQLAlchemy's URL."""
    request.node.user_properties.append((DATABASE_PROPERTY, "postgresql"))
    with temporary_database(postgresql_server) as url:
        yield url


@pytest.fixture(scope="module", params=[Podman, Docker], ids=lambda kind: kind.name)
def container_engine(request: pytest.FixtureRequest) -> Iterator[OwnEngine]:
    """An engine of this file's own, with its images; each test runs on Podman and on Docker."""
    yield from started_engine(request.param)


def started_engine(kind: type[OwnEngine]) -> Iterator[OwnEngine]:
    """Another one, with its images, for fixtures of tests that kill it."""
    try:
        started = kind()
    except EngineMissing as missing:
        pytest.skip(f"{kind.name}: {missing}")
    try:
        started.import_shell()
        started.import_canary()
        yield started
    finally:
        started.stop()


@contextmanager
def temporary_database(server: PostgresqlServer, template: str = "template1") -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    server.create_database(name, template)
    yield server.url(name)
    server.drop_database(name)


@pytest.fixture
def sqlite_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A SQLite database of this test's own, as SQLAlchemy's URL; its file does not exist yet."""
    request.node.user_properties.append((DATABASE_PROPERTY, "sqlite"))
    return f"sqlite:///{tmp_path / 'windlass.sqlite'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database; every test that takes it runs twice, on SQLite and on PostgreSQL."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the newest schema, to copy."""
    path = tmp_path_factory.mktemp("template") / "windlass.sqlite"
    apply_schema(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: PostgresqlServer) -> str:
    """The name of a PostgreSQL database with the newest schema, to copy."""
    postgresql_server.create_database("template_windlass")
    apply_schema(postgresql_server.url("template_windlass"))
    return "template_windlass"


def apply_schema(url: str) -> None:
    database = Database(url)
    bring_up_to_date(database)
    database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A store with the newest schema and nothing in it; each test runs on both databases."""
    request.node.user_properties.append((DATABASE_PROPERTY, request.param))
    with store_in(tmp_path, request.param, request) as url:
        opened = Database(url)
        yield opened
        opened.close()


@contextmanager
def store_in(folder: Path, kind: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A store with the newest schema and nothing in it, as SQLAlchemy's URL.

    Its kind is `sqlite`, a file in the folder, or `postgresql`.
    """
    template = request.getfixturevalue(f"{kind}_template")
    if kind == "sqlite":
        yield f"sqlite:///{shutil.copy(template, folder / 'windlass.sqlite')}"
        return
    server = request.getfixturevalue("postgresql_server")
    with temporary_database(server, template) as url:
        yield url


@pytest.fixture(params=RUNAPY_VERSIONS)
def run_with_runapy(
    request: pytest.FixtureRequest, started_clients: dict[str, VendorsClient]
) -> RunWithRunapy:
    """Runs a Python program with these words, where `import runai` gives one version.

    Every test that takes it runs on each version. Raises CalledProcessError when the program fails.
    """
    version = request.param
    packages = ROOT / ".cache" / f"runapy-{version}"
    if not packages.exists():
        pytest.skip(f"runapy {version} is not installed; tools/setup_tests.sh does it")
    if version not in started_clients:
        started_clients[version] = VendorsClient(packages)
    return started_clients[version].run


@pytest.fixture(scope="session")
def started_clients() -> Iterator[dict[str, VendorsClient]]:
    """The vendor's client, by version, for those tests that have asked for it already."""
    started: dict[str, VendorsClient] = {}
    yield started
    for each in started.values():
        each.stop()
