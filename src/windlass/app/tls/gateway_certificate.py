"""Keeps the gateway told which certificate to show."""

import structlog

from windlass.app.tls.watch import PairWatch
from windlass.gateway.gateway import Certificate, Gateway, GatewayUnavailable, StaleEpoch

_log = structlog.get_logger(__name__)


class GatewayCertificate:
    """For one thread, once `current` has been given."""

    def __init__(self, watch: PairWatch, gateway: Gateway, epoch: int) -> None:
        self._watch = watch
        self._gateway = gateway
        self._epoch = epoch
        self._given = watch.pair.certificate

    def current(self) -> Certificate:
        """What to show from the start."""
        self._watch.look()
        self._given = self._watch.pair.certificate
        return self._given

    def follow(self) -> None:
        """Give it what the files hold, where that is another one."""
        self._watch.look()
        if self._watch.pair.certificate != self._given:
            self.give()

    def give(self) -> None:
        """Give it what the files hold. What fails is tried again."""
        pair = self._watch.pair
        try:
            self._gateway.certify(pair.certificate, self._epoch)
        except (GatewayUnavailable, StaleEpoch) as error:
            _log.warning("the gateway has not taken the certificate", reason=str(error))
            return
        if pair.certificate != self._given:
            _log.info("the gateway shows another certificate", serial=pair.serial)
        self._given = pair.certificate
