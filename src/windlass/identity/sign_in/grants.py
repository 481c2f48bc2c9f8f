"""Token requests: what each grant needs, in whichever version of the API it is asked for."""

from collections.abc import Awaitable, Callable, Mapping

from windlass.identity.sign_in.service import Granted, SignIn
from windlass.kit.errors import BadRequest

Fields = Mapping[str, object]
"""What a token request says; keys in lower case and without underscores, as clients of the vendor's
API write them in every way there is."""
Grant = Callable[[Fields, str], Awaitable[Granted]]


DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


class UnsupportedGrant(BadRequest):
    """There is no such grant."""


class Grants:
    """The grants that are there. For one event loop."""

    def __init__(self, sign_in: SignIn) -> None:
        self._sign_in = sign_in
        self._grants: dict[str, Grant] = {
            "password": self._password,
            "client_credentials": self._client_credentials,
            "app_token": self._app_token,
            "refresh_token": self._refresh_token,
            "authorization_code": self._authorization_code,
            "external_token_exchange": self._external_token,
            DEVICE_CODE: self._device_code,
        }

    async def grant(self, body: Mapping[str, object], address: str) -> Granted:
        """What the request for a token presents, exchanged for one.

        Raises BadRequest for a request that is wrong in form, WrongCredentials, TooManyRequests.
        """
        fields = {key.lower().replace("_", ""): value for key, value in body.items()}
        name = fields.get("granttype")
        grant = self._grants.get(name) if isinstance(name, str) else None
        if grant is None:
            raise UnsupportedGrant(
                f"grantType: is {name!r}; it must be one of {', '.join(sorted(self._grants))}"
            )
        return await grant(fields, address)

    async def _password(self, fields: Fields, address: str) -> Granted:
        return await self._sign_in.by_password(
            _text(fields, "username"), _text(fields, "password"), address
        )

    async def _client_credentials(self, fields: Fields, address: str) -> Granted:
        return await self._sign_in.by_secret(
            _text(fields, "clientid"), _text(fields, "clientsecret"), address
        )

    async def _app_token(self, fields: Fields, address: str) -> Granted:
        return await self._sign_in.by_secret(
            _text(fields, "appid"), _text(fields, "appsecret"), address
        )

    async def _refresh_token(self, fields: Fields, _address: str) -> Granted:
        return await self._sign_in.by_refresh_token(_text(fields, "refreshtoken"))

    async def _authorization_code(self, fields: Fields, _address: str) -> Granted:
        return await self._sign_in.by_authorization_code(
            _text(fields, "code"), _text(fields, "redirecturi"), _text(fields, "codeverifier")
        )

    async def _external_token(self, fields: Fields, _address: str) -> Granted:
        return await self._sign_in.by_external_token(_text(fields, "externaltoken"))

    async def _device_code(self, fields: Fields, _address: str) -> Granted:
        return await self._sign_in.by_device_code(_text(fields, "devicecode"))


_SHOWN = {
    "username": "username",
    "password": "password",
    "clientid": "clientId",
    "clientsecret": "clientSecret",
    "appid": "appId",
    "appsecret": "appSecret",
    "refreshtoken": "refreshToken",
    "code": "code",
    "redirecturi": "redirectUri",
    "codeverifier": "code_verifier",
    "externaltoken": "externalToken",
    "devicecode": "device_code",
}


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value or "\0" in value:
        raise BadRequest(f"{_SHOWN[name]}: this grantType needs it, as a text that is not empty")
    return value
