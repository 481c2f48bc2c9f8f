"""What the processes of one control plane share, made before they are forked."""

from dataclasses import dataclass
from typing import Any

from windlass.app.bootstrap import Foundation
from windlass.app.data_directory import DataDirectory
from windlass.app.engine import make_engine
from windlass.app.services import Services
from windlass.app.tls.options import Tls, local_url_of, url_of
from windlass.engines.local.local_engine import LocalEngine
from windlass.engines.local.processes.catalogue import Catalogue
from windlass.gateway.client import GateClient
from windlass.identity.signing_keys import StoredKeys
from windlass.identity.tokens import TokenAuthority
from windlass.kit.clock import SystemClock
from windlass.kit.database import Database
from windlass.org.first_tree import FirstTree
from windlass.settings import Address, Settings
from windlass.workloads.addresses import Places
from windlass.workloads.inferences.creation import TYPE as INFERENCE
from windlass.workloads.inferences.desired import desired_of_stored
from windlass.workloads.kind import Kinds
from windlass.workloads.scaling import AutoscalerTimes

LEASE = "controllers"


@dataclass(frozen=True, slots=True)
class Context:
    """Nothing in it is open: each process makes its own connections."""

    settings: Settings
    data: DataDirectory
    database_url: str
    foundation: Foundation
    catalogue: Catalogue
    """Made once, so that a process forked later knows the last sound version of its file."""
    api_address: Address
    gateway_address: Address
    internal_address: Address
    started_at: float
    tls: Tls | None = None
    """How API and gateway speak TLS; made once, for the same reason."""

    @property
    def tree(self) -> FirstTree:
        """The first tenant, cluster, department and project."""
        return self.foundation.tree

    @property
    def api_url(self) -> str:
        """Where users reach the API."""
        return self.settings.external_url or url_of(self.api_address, self.tls)

    @property
    def gateway_url(self) -> str:
        """Where users reach workloads."""
        return self.settings.gateway_external_url or self._gateway_listening_url

    @property
    def internal_url(self) -> str:
        """Where workloads are reached by those that may reach what is internal."""
        return f"http://{self.internal_address}"

    def places(self) -> Places:
        """Where workloads are reached."""
        return Places(
            self.gateway_url,
            self.internal_url,
            self.settings.domain,
            gateway_host=self.gateway_address.host,
            listening_url=self._gateway_listening_url,
        )

    def services(self) -> Services:
        """The gateway's processes."""
        return Services(
            self.data, self.gateway_address, self.internal_address, tls=self.tls is not None
        )

    def engine(self) -> LocalEngine:
        """The engine of this machine."""
        return make_engine(self.settings, self.data, self.catalogue)

    def gate(self, timeout_seconds: float = 10.0) -> GateClient:
        """The gateway; no call of it takes longer than this."""
        return GateClient(self.data.gateway, timeout_seconds)

    def signing_keys(self, database: Database) -> StoredKeys:
        """The keys that tokens are signed with."""
        return StoredKeys(database, self.foundation.seal, SystemClock())

    def authority(self, database: Database) -> TokenAuthority:
        """Issues and verifies tokens."""
        return self.authority_of(self.signing_keys(database))

    def authority_of(self, keys: StoredKeys) -> TokenAuthority:
        """Issues and verifies tokens with these keys."""
        return TokenAuthority(keys, f"windlass:{self.tree.cluster_id}", SystemClock())

    def kinds(self) -> Kinds:
        """The kinds of workloads there are."""
        return Kinds({INFERENCE: desired_of_stored})

    def autoscaler_times(self) -> AutoscalerTimes:
        """What the autoscalers of all workloads go by."""
        settings = self.settings
        return AutoscalerTimes(
            stable_window_seconds=settings.autoscaler_stable_window_seconds,
            panic_window_percentage=settings.autoscaler_panic_window_percentage,
            scale_to_zero_grace_seconds=settings.scale_to_zero_grace_seconds,
            metric_period_seconds=settings.metric_period_seconds,
            downscale_stabilization_seconds=settings.downscale_stabilization_seconds,
        )

    def administrator_file(self, pid: int) -> dict[str, Any]:
        """What `admin.json` says."""
        tree = self.tree
        return {
            "url": self.api_url,
            "gateway_url": self.gateway_url,
            "internal_url": self.internal_url,
            "pid": pid,
            **self.foundation.administrator,
            "cluster_id": tree.cluster_id,
            "department_id": tree.department_id or None,
            "project_id": tree.project_id or None,
            "project_name": tree.project_name or None,
            "domain": self.settings.domain,
            **self._for_this_machine(),
        }

    @property
    def _gateway_listening_url(self) -> str:
        return url_of(self.gateway_address, self.tls)

    def _for_this_machine(self) -> dict[str, str]:
        if self.tls is None and self.settings.external_url is None:
            return {}
        local = {"local_url": local_url_of(self.api_address, self.tls)}
        if self.tls is None:
            return local
        return {**local, "certificate_authority": str(self.tls.trusted)}
