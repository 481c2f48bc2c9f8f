"""Every field that is published of an asset's body is one that the platform knows."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.published_api import ASSETS, COMPUTE, TEMPLATES, body_fields
from windlass.assets.data_volumes.schemas import (
    DataVolumeCreation,
    DataVolumePatch,
    SharedScopesPatch,
)
from windlass.assets.kinds import DATA_VOLUME, SERVED_ALIKE
from windlass.assets.schemas import creation_model, update_model
from windlass.kit.bodies import body_schema
from windlass.spec.model import SpecModel

DOCUMENTS = {"compute": COMPUTE, "workload-template": TEMPLATES}
BODIES: dict[str, tuple[str, type[SpecModel]]] = {
    f"POST {DATA_VOLUME.path}": (ASSETS, DataVolumeCreation),
    f"PATCH {DATA_VOLUME.path}/{{datavolumeId}}": (ASSETS, DataVolumePatch),
    f"PATCH {DATA_VOLUME.path}/{{datavolumeId}}/sharedScopes": (ASSETS, SharedScopesPatch),
}
for kind in SERVED_ALIKE:
    document = DOCUMENTS.get(kind.name, ASSETS)
    BODIES[f"POST {kind.path}"] = document, creation_model(kind)
    BODIES[f"PUT {kind.path}/{{AssetId}}"] = document, update_model(kind)


@pytest.mark.parametrize("operation", list(BODIES))
def test_every_published_field_of_a_body_is_known(operation: str) -> None:
    published, model = BODIES[operation]
    known = set(fields(body_schema(model)))
    wanted = set(body_fields(published, operation))
    assert wanted, "the body has fields at all"
    # Some are told more closely than they are published: what is inside of them counts, too.
    lacking = {
        path for path in wanted - known if not any(each.startswith(f"{path}.") for each in known)
    }
    assert lacking == set()


def fields(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """The single values within a schema, by path."""
    if "anyOf" in schema:
        for alternative in schema["anyOf"]:
            yield from fields(alternative, path)
    elif schema.get("properties"):
        for name, member in schema["properties"].items():
            yield from fields(member, f"{path}.{name}" if path else name)
    elif "items" in schema:
        yield from fields(schema["items"], f"{path}[]")
    else:
        yield path
