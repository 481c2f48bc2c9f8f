"""What the process that was started does about the certificate: renew its own, and complain."""

import structlog

from windlass.app.tls.options import Tls
from windlass.app.tls.watch import LOOK_SECONDS
from windlass.kit.clock import Clock

_log = structlog.get_logger(__name__)


class CertificateKeeper:
    """Looks once a second, however often it is asked to."""

    def __init__(self, tls: Tls, clock: Clock) -> None:
        self._tls = tls
        self._clock = clock
        self._looked_at = clock.monotonic()
        self._told: str | None = None

    def look(self) -> None:
        """Renew what is due, and log what is wrong."""
        now = self._clock.monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = now
        try:
            self._tls.keep(self._clock.now())
            self._tls.watch.look()
        except OSError as error:
            _log.warning("the certificate cannot be kept", reason=str(error))
        self._tell(self._tls.watch.problem)

    def _tell(self, problem: str | None) -> None:
        if problem is not None and problem != self._told:
            _log.error(
                "the new certificate is not used, the former goes on being shown", reason=problem
            )
        self._told = problem
