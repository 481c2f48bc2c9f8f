"""The API in this process, once a database."""

from collections.abc import Iterator

import pytest

from tests.api.serving import Api, serving
from tests.conftest import store_in
from tools.suite_results import DATABASE_PROPERTY


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def api(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One API that tests share, each with names of its own; every test runs on both databases."""
    root = tmp_path_factory.mktemp("api")
    with store_in(root, request) as url, serving(root / "data", url) as served:
        yield served


@pytest.fixture(autouse=True)
def _record_database(request: pytest.FixtureRequest) -> None:
    if "api" in request.fixturenames:
        database = request.node.callspec.params["api"]
        request.node.user_properties.append((DATABASE_PROPERTY, database))
