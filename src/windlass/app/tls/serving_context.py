"""The API's side of a handshake."""

import ssl
import threading

import structlog

from windlass.app.tls.options import Tls
from windlass.app.tls.pair import Pair, load_into
from windlass.app.tls.watch import LOOK_SECONDS

_log = structlog.get_logger(__name__)


class ServingContext:
    """A context for servers whose certificate can be another one from one handshake to the next.

    Each pair has a context of its own, chosen within the handshake: loaded into one that is in use,
    a certificate of another kind of key would only be added to the former.
    """

    def __init__(self, tls: Tls) -> None:
        self._tls = tls
        self._shown = self._made()
        self.context = self._made()
        self.context.sni_callback = self._choose

    def follow(self) -> None:
        """Show what the files hold, from a thread of its own, as long as the process lives."""

        def run() -> None:
            while not never.wait(LOOK_SECONDS):
                former = self._tls.watch.pair
                if self._tls.watch.look():
                    self._change(former, self._tls.watch.pair)

        self._tell(self._tls.watch.pair)
        never = threading.Event()
        threading.Thread(target=run, name="certificate", daemon=True).start()

    def _change(self, former: Pair, new: Pair) -> None:
        # Who reads it now may meet either.
        self._tell(former, new)
        self._shown = self._made()
        self._tell(new)
        _log.info("the API shows another certificate", serial=new.serial)

    def _tell(self, *shown: Pair) -> None:
        try:
            self._tls.tell_clients(*shown)
        except OSError as error:
            _log.warning("clients of this machine cannot be told", reason=str(error))

    def _made(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        load_into(context, self._tls.watch.pair.certificate, self._tls.watch.files)
        return context

    def _choose(
        self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext
    ) -> None:
        connection.context = self._shown
