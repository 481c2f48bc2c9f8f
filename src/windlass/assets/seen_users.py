"""Who uses assets, as far as a caller may know of them."""

from windlass.assets.access import AssetAccess
from windlass.assets.kinds import KINDS_BY_NAME
from windlass.assets.usage import Users
from windlass.identity.tokens import Caller


def seen_users(users: Users, caller: Caller, access: AssetAccess) -> Users:
    """Those that the caller may see; the others are counted alone."""
    workloads = [use for use in users.workloads if access.sees_workload(caller, use.scope_path)]
    assets = [row for row in users.assets if access.sees(caller, KINDS_BY_NAME[row.kind], row)]
    hidden = len(users.workloads) - len(workloads) + len(users.assets) - len(assets)
    return Users(workloads, assets, users.unseen + hidden)
