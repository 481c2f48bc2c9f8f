"""The API in this process, once a database."""

import shutil
from collections.abc import Iterator

import pytest

from tests.api.serving import Api, serving
from tests.conftest import temporary_database
from tools.suite_results import DATABASE_PROPERTY


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def api(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One API that tests share, each with names of its own; every test runs on both databases."""
    root = tmp_path_factory.mktemp("api")
    template = request.getfixturevalue(f"{request.param}_template")
    if request.param == "sqlite":
        store = root / "windlass.sqlite"
        shutil.copy(template, store)
        with serving(root / "data", f"sqlite:///{store}") as served:
            yield served
        return
    server = request.getfixturevalue("postgresql_server")
    with temporary_database(server, template) as url, serving(root / "data", url) as served:
        yield served


@pytest.fixture(autouse=True)
def _record_database(request: pytest.FixtureRequest) -> None:
    if "api" in request.fixturenames:
        database = request.node.callspec.params["api"]
        request.node.user_properties.append((DATABASE_PROPERTY, database))
