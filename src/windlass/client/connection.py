"""Requests that carry a bearer token, and answers turned into values or exceptions."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx

from windlass import __version__
from windlass.client.contexts import Exchange
from windlass.client.errors import ApiError, BadAnswer, Unreachable, api_error
from windlass.client.trust import Trust
from windlass.kit.clock import Clock, SystemClock

_REFRESH_BEFORE_SECONDS = 60.0
_SHORTEST_LIFE_SECONDS = 120.0
_CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Credentials:
    """A client id and its secret, as the platform's `admin.json` has them."""

    client_id: str
    client_secret: str = field(repr=False)

    def token(self, exchange: Exchange, *, fresh: bool) -> tuple[str, float]:  # noqa: ARG002
        """A new access token, and for how many seconds it is valid."""
        answer = exchange(
            {
                "grantType": "client_credentials",
                "clientID": self.client_id,
                "clientSecret": self.client_secret,
            }
        )
        return answer["accessToken"], float(answer.get("expiresIn") or _SHORTEST_LIFE_SECONDS)


class TokenSource(Protocol):
    """Where a connection's tokens come from."""

    def token(self, exchange: Exchange, *, fresh: bool) -> tuple[str, float]:
        """A valid access token, and for how many seconds; a new one if `fresh`."""


class Connection:
    """One platform, spoken to over kept-alive connections. Not for several threads at once."""

    def __init__(
        self,
        url: str,
        credentials: TokenSource,
        *,
        timeout_seconds: float,
        clock: Clock | None = None,
        why_silent: Callable[[], str] | None = None,
        trust: Trust | None = None,
        connect_to: str | None = None,
    ) -> None:
        """`why_silent` gives a sentence that follows when nothing answers; `connect_to` is another
        address of the same platform, by which to reach it. Raises ClientError for a spoilt `trust`.
        """
        self.url = url.rstrip("/")
        self._credentials = credentials
        self._clock = clock or SystemClock()
        self._why_silent = why_silent
        self._token = ""
        self._renew_at = float("-inf")
        self._timeout_seconds = timeout_seconds
        self._trust = trust or Trust()
        # The platform is named by its address: a proxy of the environment has no part in it.
        self._http = httpx.Client(
            base_url=connect_to or self.url,
            verify=self._trust.context(connect_to or self.url),
            timeout=httpx.Timeout(timeout_seconds, connect=min(_CONNECT_SECONDS, timeout_seconds)),
            headers={"User-Agent": f"windlass/{__version__}", "Accept": "application/json"},
            trust_env=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> Any:
        """The JSON value of a successful answer, None when it has no body.

        Raises ApiError, BadAnswer or Unreachable.
        """
        with self._sent(method, path, parameters, body) as response:
            with self._transport_errors():
                response.read()
            return _value(response)

    @contextmanager
    def stream(self, path: str, parameters: Mapping[str, str]) -> Iterator[Iterator[str]]:
        """The lines of a text answer as they come, however long the silence between them."""
        with self._sent("GET", path, parameters, None, endless=True) as response:
            yield self._lines(response)

    def _lines(self, response: httpx.Response) -> Iterator[str]:
        with self._transport_errors():
            yield from response.iter_lines()

    @contextmanager
    def _sent(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str] | None,
        body: Any,
        *,
        endless: bool = False,
    ) -> Iterator[httpx.Response]:
        """Send, once more with a new token where the old one is not taken any more."""
        timeout = httpx.Timeout(self._timeout_seconds, read=None) if endless else None
        for attempt in ("first", "last"):
            request = self._http.build_request(
                method,
                path,
                params=parameters,
                json=body,
                headers={"Authorization": f"Bearer {self._valid_token()}"},
                timeout=timeout if timeout is not None else httpx.USE_CLIENT_DEFAULT,
            )
            response = self._answer(request)
            try:
                if response.status_code == 401 and attempt == "first":
                    self._renew_at = float("-inf")
                    continue
                if response.is_error:
                    with self._transport_errors():
                        response.read()
                    raise _error(response)
                yield response
                return
            finally:
                response.close()

    def _valid_token(self) -> str:
        if self._clock.monotonic() < self._renew_at:
            return self._token
        # A token that the platform refuses is not asked for again.
        fresh = bool(self._token)
        self._token, life = self._credentials.token(self.exchange, fresh=fresh)
        self._renew_at = self._clock.monotonic() + life - _REFRESH_BEFORE_SECONDS
        return self._token

    def token(self) -> str:
        """A valid access token."""
        return self._valid_token()

    def exchange(self, body: Mapping[str, str]) -> dict[str, Any]:
        """The answer to a token request, which is sent without a token.

        Raises ApiError, BadAnswer or Unreachable.
        """
        response = self._answer(self._http.build_request("POST", "/api/v1/token", json=body))
        with self._transport_errors():
            response.read()
        if response.is_error:
            raise _error(response)
        answer = _value(response)
        if not isinstance(answer, dict) or not isinstance(answer.get("accessToken"), str):
            raise BadAnswer(f"{self.url} answers a token request without an accessToken.")
        return answer

    def post_form(self, path: str, fields: Mapping[str, str]) -> httpx.Response:
        """The answer to a form, which is sent without a token, whatever its status.

        Raises BadAnswer or Unreachable.
        """
        response = self._answer(self._http.build_request("POST", path, data=dict(fields)))
        with self._transport_errors():
            response.read()
        return response

    def _answer(self, request: httpx.Request) -> httpx.Response:
        """The beginning of an answer; where the platform has a new certificate, at second try."""
        with self._transport_errors():
            try:
                return self._http.send(request, stream=True)
            except httpx.ConnectError:
                if not self._trust.reload():
                    raise
            return self._http.send(request, stream=True)

    @contextmanager
    def _transport_errors(self) -> Iterator[None]:
        try:
            yield
        except httpx.ConnectError as error:
            raise Unreachable(self._why_not_connected(error)) from error
        except httpx.TimeoutException as error:
            raise Unreachable(
                self._silence(f"{self.url} does not answer within {self._timeout_seconds:g} s.")
            ) from error
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            hint = "" if self.url.startswith("https:") else " Is it an https:// address?"
            raise Unreachable(self._silence(f"{self.url} broke off ({reason}).{hint}")) from error
        except httpx.InvalidURL as error:
            raise BadAnswer(f"{self.url} is not an address: {error}.") from error

    def _why_not_connected(self, error: httpx.ConnectError) -> str:
        text = str(error)
        if "CERTIFICATE_VERIFY_FAILED" in text:
            reason = text.partition("verify failed: ")[2].partition(" (_ssl")[0] or text
            return (
                f"{self.url} shows a certificate that is not trusted here ({reason}). If it "
                "is the right one, sign in with --certificate-authority FILE, which holds it, or "
                "that of the authority that signed it."
            )
        if "[SSL" in text:
            return f"{self.url} does not speak TLS as it should ({text}). Is it an http:// address?"
        return self._silence(f"Nothing answers at {self.url} ({text}).")

    def _silence(self, sentence: str) -> str:
        return f"{sentence} {self._why_silent()}" if self._why_silent else sentence


def _value(response: httpx.Response) -> Any:
    if not response.content:
        return None
    try:
        return response.json()
    except ValueError:
        raise BadAnswer(
            f"{response.url} does not answer in JSON: is it the platform's API?"
        ) from None


def _error(response: httpx.Response) -> ApiError | BadAnswer:
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict) or "message" not in body:
        return BadAnswer(
            f"{response.url} answers {response.status_code} {response.reason_phrase} without "
            "saying why: is it the platform's API?"
        )
    return api_error(
        response.status_code,
        str(body["message"]),
        body.get("details"),
        response.headers.get("x-request-id"),
    )
