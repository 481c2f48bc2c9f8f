"""The client's list of kinds of assets."""

from windlass.assets.kinds import KINDS
from windlass.client.assets import ASSET_PATHS


def test_the_client_knows_every_kind_of_asset() -> None:
    assert dict(ASSET_PATHS) == {kind.name: kind.path for kind in KINDS}
