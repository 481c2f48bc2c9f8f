"""Which certificate counts as the platform's."""

import ssl
from pathlib import Path

import httpx

from windlass.client.errors import ClientError


class Trust:
    """By default what this machine trusts; or what a file says alone.

    A platform on this machine is known by its very certificate, which lies in its data directory:
    it does not matter then for which name it is, nor who signed it.
    """

    def __init__(self, authority: Path | None = None, *, is_own: bool = False) -> None:
        """`is_own` says that the file holds the platform's certificate itself."""
        self._authority = authority
        self._is_own = is_own
        self._content = ""
        self._context: ssl.SSLContext | None = None

    def context(self, url: str) -> ssl.SSLContext:
        """What a connection to this address is checked by. Raises ClientError."""
        if self._context is None:
            # To read all that is trusted takes time that nobody has to wait without TLS.
            secure = url.lower().startswith("https:")
            self._context = self._made() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return self._context

    def reload(self) -> bool:
        """Whether the file says something new, which is trusted from now on, too."""
        if self._authority is None or self._context is None:
            return False
        known = self._content
        try:
            self._load(self._context, self._authority)
        except ClientError:
            return False
        return self._content != known

    def _made(self) -> ssl.SSLContext:
        if self._authority is None:
            return _trusting_what_this_machine_trusts()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # So that a certificate can be trusted without the authority that signed it.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.check_hostname = not self._is_own
        self._load(context, self._authority)
        return context

    def _load(self, context: ssl.SSLContext, authority: Path) -> None:
        try:
            self._content = authority.read_text("ascii")
            context.load_verify_locations(cadata=self._content)
        except (ssl.SSLError, ValueError):
            raise ClientError(f"{authority} holds no certificate in PEM.") from None
        except OSError as error:
            reason = error.strerror or str(error)
            raise ClientError(f"{authority} cannot be read: {reason}.") from None


def _trusting_what_this_machine_trusts() -> ssl.SSLContext:
    places = ssl.get_default_verify_paths()
    if places.cafile is not None or places.capath is not None:
        return ssl.create_default_context()
    # An interpreter that was built elsewhere may not know where this machine keeps it.
    return httpx.create_ssl_context(trust_env=False)
