"""A new workload at the gateway, before anything is decided about it."""

from dataclasses import dataclass

import structlog

from windlass.gateway.gateway import Gateway, GatewayUnavailable
from windlass.workloads.addresses import Named, Places
from windlass.workloads.kind import DesiredWorkload
from windlass.workloads.routing import first_route

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Introduction:
    """Has requests to a workload held from the moment its creation is answered, whether or not
    controllers run by then."""

    gateway: Gateway
    places: Places

    def introduce(self, workload_id: str, named: Named, desired: DesiredWorkload) -> None:
        """Return once the gateway knows the workload, which must be on record already.

        A gateway that does not answer in time is told of it by the controllers.
        """
        route = first_route(workload_id, named, desired, self.places)
        try:
            self.gateway.introduce(route)
        except GatewayUnavailable as error:
            _log.info("the gateway does not know it yet", workload=workload_id, reason=str(error))
