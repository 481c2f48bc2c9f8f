"""The API in this process, once a database."""

from collections.abc import Iterator

import pytest

from tests.api.serving import Api, make_quick, serving
from tests.conftest import store_in
from tools.suite_results import DATABASE_PROPERTY

_SERVED = pytest.StashKey[list[Api]]()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def api(request: pytest.FixtureRequest) -> Api:
    """One API that tests share, each with names of its own; every test runs on both databases."""
    served: Api = request.getfixturevalue(f"api_on_{request.param}")
    return served


# Each is a fixture of its own, and `api` is not what it seems: pytest would start a fixture with
# parameters anew at every change from one to the other, which is twice a file.
@pytest.fixture(scope="session")
def api_on_sqlite(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    yield from api_on("sqlite", request, tmp_path_factory)


@pytest.fixture(scope="session")
def api_on_postgresql(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    yield from api_on("postgresql", request, tmp_path_factory)


def api_on(
    kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    root = tmp_path_factory.mktemp("api")
    with pytest.MonkeyPatch.context() as patched, store_in(root, kind, request) as url:
        make_quick(patched)
        with serving(root / "data", url) as served:
            request.session.stash.setdefault(_SERVED, []).append(served)
            yield served


@pytest.fixture(scope="module", autouse=True)
def _leave_the_tree_as_it_was(request: pytest.FixtureRequest) -> Iterator[None]:
    """A cluster or node pool left behind breaks whichever file comes next in this process."""
    yield
    for served in request.session.stash.get(_SERVED, []):
        clusters = [cluster["name"] for cluster in served.get("/api/v1/clusters")]
        pools = [pool["name"] for pool in served.get("/api/v1/node-pools")["nodepools"]]
        assert (clusters, pools) == (["default"], ["default"]), "left behind by this file"


@pytest.fixture(autouse=True)
def _record_database(request: pytest.FixtureRequest) -> None:
    if "api" in request.fixturenames:
        database = request.node.callspec.params["api"]
        request.node.user_properties.append((DATABASE_PROPERTY, database))
    elif "api_on_sqlite" in request.fixturenames:
        request.node.user_properties.append((DATABASE_PROPERTY, "sqlite"))
