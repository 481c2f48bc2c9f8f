"""Every operation on users, applications, keys and tokens: `runapy_identity.py ADMIN_JSON MARK`.

It is run where `import runai` gives the vendor's client, and prints what it saw as JSON. Where a
version of the client has an operation at an older path, too, the one at `/api/v1` is used.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runai.api_client import ApiClient
from runai.configuration import Configuration
from runai.exceptions import ApiException
from runai.runai_client import RunaiClient
from urllib3.exceptions import MaxRetryError

PASSWORD = "a password of my own"
UNAUTHORIZED = 401


def main(administrator: Path, mark: str) -> dict[str, Any]:
    """What was seen on the way."""
    known = json.loads(administrator.read_text())
    client = connect(known["url"], known["client_id"], known["client_secret"])
    seen: dict[str, Any] = {"users": users(client, known["url"], mark)}
    seen["applications"] = programs(client.api("applications"), "application", mark)
    if client.has("service_accounts"):
        accounts = client.api("service_accounts")
        seen["service_accounts"] = programs(accounts, "service_account", mark)
    return seen


class Client:
    """Finds an API of the client, in whichever group this version has it."""

    def __init__(self, inner: RunaiClient) -> None:
        self.inner = inner
        self._groups = [inner, *(getattr(inner, name) for name in dir(inner) if name[0] != "_")]

    def has(self, name: str) -> bool:
        """Whether this version knows it."""
        return any(hasattr(group, name) for group in self._groups)

    def api(self, name: str) -> Any:
        """The API of that name."""
        return next(getattr(group, name) for group in self._groups if hasattr(group, name))


def connect(url: str, client_id: str, client_secret: str) -> Client:
    """Signed in."""
    configuration = Configuration(
        client_id=client_id, client_secret=client_secret, runai_base_url=url
    )
    return Client(RunaiClient(ApiClient(configuration)))


def operation(api: Any, name: str) -> Callable[..., Any]:
    """The operation at `/api/v1`, called, with its body's data."""
    for candidate in (f"{name}_0", f"{name}1", name):
        if hasattr(api, candidate):
            found = getattr(api, candidate)
            break
    return lambda *given, **named: found(*given, **named).data


def status_of(call: Callable[[], Any]) -> int:
    """With which status a call is refused. A 401 the client asks again, and then gives up."""
    try:
        call()
    except ApiException as error:
        return int(error.status)
    except MaxRetryError as error:
        return UNAUTHORIZED if "401" in str(error) else 0
    return 200


def users(client: Client, url: str, mark: str) -> dict[str, Any]:
    """Users and their keys."""
    api, tokens = client.api("users"), client.api("tokens")
    email = f"runapy-{mark}@example.org"
    created = operation(api, "create_user")({"email": email, "resetPassword": False})
    user_id = created["id"]
    shown = operation(api, "get_user_by_id")(user_id)
    listed = operation(api, "get_users")(filter_by=[f"username=={email}"], sort_by="username")
    count = operation(api, "count_users")(search=email)
    granted = operation(tokens, "grant_token")(
        {"grantType": "password", "username": email, "password": created["tempPassword"]}
    )
    as_user = connect_with_token(client, granted["accessToken"])
    operation(as_user.api("users"), "change_user_password")(
        {"currentPassword": created["tempPassword"], "newPassword": PASSWORD}
    )
    granted = operation(tokens, "grant_token")(
        {"grantType": "password", "username": email, "password": PASSWORD}
    )
    as_user = connect_with_token(client, granted["accessToken"])
    keys = {
        thing: own_keys(client, as_user, thing, url)
        for thing in ("access_key", "user_application")
        if client.has(f"{thing}s")
    }
    if client.has("logout"):
        operation(as_user.api("logout"), "logout")()
        after_own = status_of(as_user_lists(as_user))
        granted = operation(tokens, "grant_token")(
            {"grantType": "password", "username": email, "password": PASSWORD}
        )
        as_user = connect_with_token(client, granted["accessToken"])
        assert after_own == UNAUTHORIZED, after_own
    operation(api, "logout_user")(user_id)
    after = status_of(as_user_lists(as_user))
    reset = operation(api, "reset_user_password")(user_id)
    operation(api, "delete_user_by_id")(user_id)
    return {
        "created": created,
        "shown": shown,
        "listed": listed,
        "count": count,
        "keys": keys,
        "after_logout": after,
        "reset": sorted(reset),
        "gone": status_of(lambda: operation(api, "get_user_by_id")(user_id)),
    }


def as_user_lists(as_user: Client) -> Callable[[], Any]:
    """A request that takes no more than being signed in."""
    return operation(as_user.api("user_applications"), "get_user_applications")


def connect_with_token(client: Client, token: str) -> Client:
    """Signed in by a token that somebody has, which is not the client's usual way."""
    inner = client.api("users")._api_client
    api_client = ApiClient(
        Configuration(
            client_id=inner.configuration.client_id,
            client_secret=inner.configuration.client_secret,
            runai_base_url=inner.configuration.runai_base_url,
            auto_refresh_token=False,
        )
    )
    api_client.set_default_header("authorization", f"Bearer {token}")
    return Client(RunaiClient(api_client))


def own_keys(client: Client, as_user: Client, thing: str, url: str) -> dict[str, Any]:
    """A user's own keys, and what an administrator may do about them."""
    api, others = as_user.api(f"{thing}s"), client.api(f"{thing}s")
    created = operation(api, f"create_{thing}")({"name": "runapy-key"})
    shown = operation(api, f"get_{thing}_by_id")(created["id"])
    listed = operation(api, f"get_{thing}s")()
    secret = operation(api, f"regenerate_{thing}_secret")(created["id"])["clientSecret"]
    works = connect(url, created["clientId"], secret).api(f"{thing}s")
    by_key = operation(works, f"get_{thing}s")()
    found = operation(others, f"get_{thing}s_administration")(client_id=created["clientId"])
    operation(others, f"delete_{thing}_by_id_administration")(created["id"])
    again = operation(api, f"create_{thing}")({"name": "runapy-key"})
    operation(api, f"delete_{thing}_by_id")(again["id"])
    return {
        "created": created,
        "shown": shown,
        "listed": listed,
        "by_key": by_key,
        "found": found,
        "left": operation(api, f"get_{thing}s")(),
    }


def programs(api: Any, thing: str, mark: str) -> dict[str, Any]:
    """Applications, or service accounts."""
    name = f"runapy-{thing.replace('_', '-')}-{mark}"
    created = operation(api, f"create_{thing}")({"name": name})
    operation(api, f"update_{thing}_by_id")(created["id"], {"enabled": False})
    shown = operation(api, f"get_{thing}_by_id")(created["id"])
    regenerated = operation(api, f"regenerate_{thing}_secret")(created["id"])
    listed = operation(api, f"get_{thing}s")()
    operation(api, f"delete_{thing}_by_id")(created["id"])
    return {
        "created": created,
        "shown": shown,
        "regenerated": sorted(regenerated),
        "listed": [entry["name"] for entry in listed],
        "gone": status_of(lambda: operation(api, f"get_{thing}_by_id")(created["id"])),
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2])))
