"""The key that secrets are sealed with follows another while everybody works on."""

import json
import threading
from typing import Any

from sqlalchemy import select

from tests.api.assets import CREDENTIALS, make
from tests.api.serving import Api
from windlass.assets.tables import asset
from windlass.identity.tables import signing_key

ROTATE = "/api/v1/platform/keys/rotate"
PASSWORDS = f"{CREDENTIALS}/password"


def rotate(api: Api) -> dict[str, int]:
    answer = api.ask("POST", ROTATE)
    assert answer.status_code == 200, answer.text
    rotated: dict[str, int] = answer.json()
    return rotated


def opened(api: Api, asset_id: str) -> Any:
    with api.database.read() as connection:
        sealed = connection.execute(
            select(asset.c.sealed_secrets).where(asset.c.id == asset_id)
        ).scalar_one()
    return json.loads(api.context.foundation.seal.open(sealed))


def test_every_secret_is_sealed_anew(api: Api) -> None:
    made = make(api, PASSWORDS, {"user": "ada", "password": "first"})
    rotated = rotate(api)
    seal = api.context.foundation.seal
    assert rotated["keyId"] == seal.key_id == made["spec"]["keyId"] + 1
    assert rotated["secrets"] >= 2, "the signing key of tokens is one"
    with api.database.read() as connection:
        secrets = [
            *connection.execute(select(signing_key.c.sealed_private_key)).scalars(),
            *connection.execute(
                select(asset.c.sealed_secrets).where(asset.c.sealed_secrets.is_not(None))
            ).scalars(),
        ]
    assert all(seal.is_current(secret) for secret in secrets)
    assert opened(api, made["meta"]["id"]) == {"password": "first"}
    shown = api.get(f"{PASSWORDS}/{made['meta']['id']}")
    assert shown["spec"]["keyId"] == rotated["keyId"]
    assert shown["meta"] == made["meta"]


def test_what_is_written_meanwhile_can_be_read_afterwards(api: Api) -> None:
    written: dict[str, str] = {}
    done = threading.Event()

    def write() -> None:
        number = 0
        while not done.is_set():
            number += 1
            made = make(api, PASSWORDS, {"user": "ada", "password": f"number {number}"})
            written[made["meta"]["id"]] = f"number {number}"

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    rotators = [threading.Thread(target=rotate, args=(api,)) for _ in range(3)]
    for rotator in rotators:
        rotator.start()
    for rotator in rotators:
        rotator.join()
    done.set()
    for writer in writers:
        writer.join()
    assert written
    assert {key: opened(api, key)["password"] for key in written} == written


def test_only_who_may_change_security_rotates(api: Api) -> None:
    api.give("viewer@example.org", 4, "tenant", str(api.context.tree.tenant_id))
    headers = api.headers_of("viewer@example.org")
    assert api.ask("POST", ROTATE, headers=headers).status_code == 403
