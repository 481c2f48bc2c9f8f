"""The controllers process: holds the lease, runs the loop, keeps the gateway's processes up."""

import contextlib
import threading
from collections.abc import Callable, Sequence
from functools import partial

import structlog
from sqlalchemy import Connection

from windlass.app.changes import Changes
from windlass.app.context import LEASE, Context
from windlass.app.maintenance import Maintenance, Task
from windlass.app.tls.gateway_certificate import GatewayCertificate
from windlass.app.tls.watch import LOOK_SECONDS
from windlass.app.token_trust import TokenTrustReconciler
from windlass.assets.retention import remove_old_assets
from windlass.audit.trail import remove_old_audit_records
from windlass.control.changes import (
    Change,
    Waker,
    WakeUps,
    listen_to_postgresql,
    trim_changes,
)
from windlass.control.lease import DURATION_SECONDS, Holder, Lease, require_epoch
from windlass.control.loop import ControlLoop, Reconciler
from windlass.engines.engine import StaleEpoch
from windlass.engines.local.local_engine import LocalEngine, obeyed_epoch
from windlass.gateway.gateway import GatewayUnavailable
from windlass.identity.revocation import remove_ended
from windlass.identity.signing_keys import StoredKeys
from windlass.identity.trust import TOKEN_TRUST
from windlass.kit.clock import SteadyClock, SystemClock
from windlass.kit.database import Database
from windlass.kit.errors import Unavailable
from windlass.org.nodes import register_nodes
from windlass.org.reconcile import OrganisationReconciler
from windlass.org.surroundings import ORGANISATION
from windlass.workloads import store
from windlass.workloads.asset_use import WorkloadsByAsset
from windlass.workloads.autoscale import WorkloadAutoscaler
from windlass.workloads.awakening import Awakening
from windlass.workloads.housekeeping import remove_old_records
from windlass.workloads.occupancy import WorkloadOccupancy
from windlass.workloads.placement import PlacementReconciler
from windlass.workloads.reconcile import WorkloadReconciler
from windlass.workloads.secrets import SecretReader
from windlass.workloads.surroundings import (
    EVERYTHING,
    PLACEMENT,
    WORKLOAD,
    Surroundings,
    Tenure,
)

RESYNC_SECONDS = 15.0
_LOOK_SECONDS = 1.0
_RENEW_SECONDS = DURATION_SECONDS / 4
_ACQUIRE_SECONDS = 0.1
_HOUSEKEEPING_SECONDS = 3600.0
_KEYS_SECONDS = 60.0

_log = structlog.get_logger(__name__)


class Controllers:
    """Runs until stopped, or until another holder takes the lease."""

    def __init__(self, context: Context, when_ready: Callable[[], None]) -> None:
        self._context = context
        self._when_ready = when_ready
        self._stop = threading.Event()
        self._clock = SystemClock()
        self._database = Database(context.database_url)
        self._services = context.services()

    def stop(self) -> None:
        """End soon; at once where it waits for something to do."""
        self._stop.set()
        Waker(self._context.data.wake_up).wake()

    def run(self) -> None:
        """Wait for the lease, then control until stopped or replaced."""
        lease = Lease(self._database, self._clock, Holder.this_process(), LEASE)
        epoch = self._acquire(lease)
        if epoch is None:
            return
        _log.info("controllers run", epoch=epoch)
        try:
            self._control(lease, epoch)
        finally:
            with contextlib.suppress(Unavailable):
                lease.release(epoch)
            self._database.close()

    def _acquire(self, lease: Lease) -> int | None:
        announced = False
        while not self._stop.is_set():
            with contextlib.suppress(Unavailable):
                epoch = lease.acquire(above=obeyed_epoch(self._context.data.root))
                if epoch is not None:
                    return epoch
            if not announced:
                # Another control plane controls; this one is ready to take over.
                self._when_ready()
                announced = True
            self._stop.wait(_ACQUIRE_SECONDS)
        return None

    def _control(self, lease: Lease, epoch: int) -> None:
        # From the start: with many workloads, what comes before the loop takes its time.
        Maintenance([self._renewal(lease, epoch)], self._clock).start(self._stop, _LOOK_SECONDS)
        self._services.ensure()
        wake_ups = WakeUps(self._context.data.wake_up)
        engine = self._context.engine()
        gateway = self._context.gate()
        around = Surroundings(
            database=self._database,
            engine=engine,
            gateway=gateway,
            kinds=self._context.kinds(),
            tenure=Tenure(LEASE, epoch),
            cluster_id=self._context.tree.cluster_id,
            places=self._context.places(),
            secrets=SecretReader(self._database, self._context.foundation.seal),
            clock=SteadyClock(self._clock),
            wall_clock=self._clock,
            wake=lambda kind, key: loop.wake(Change(kind, key)),
        )
        workloads = WorkloadReconciler(around)
        placement = PlacementReconciler(around)
        signing_keys = self._context.signing_keys(self._database)
        authority = self._context.authority_of(signing_keys)
        trust = TokenTrustReconciler(self._database, authority, gateway, epoch)
        tls = self._context.tls
        certificate = None if tls is None else GatewayCertificate(tls.watch, gateway, epoch)
        organisation = OrganisationReconciler(
            self._database,
            WorkloadOccupancy(self._context.kinds(), self._clock),
            self._clock,
            (LEASE, epoch),
            replan=lambda: loop.wake(Change(PLACEMENT, EVERYTHING)),
        )
        loop = ControlLoop(
            {
                TOKEN_TRUST: Reconciler(trust.reconcile, trust.list_keys),
                WORKLOAD: Reconciler(workloads.reconcile, workloads.list_keys),
                PLACEMENT: Reconciler(placement.reconcile, placement.list_keys),
                ORGANISATION: Reconciler(organisation.reconcile, organisation.list_keys),
            },
            self._clock,
        )
        changes = Changes(self._database, loop)
        self._register_nodes(engine, epoch)
        engine.make_ready()
        engine.tell_deaths(Waker(self._context.data.wake_up).wake)
        engine.sweep(self._known_pods, epoch)
        self._give_routes(workloads, around, trust, certificate)
        loop.resync()
        loop.start(self._context.settings.worker_threads)
        tasks = self._tasks(loop, engine, signing_keys, epoch)
        Maintenance([*tasks, *_certificate_tasks(certificate)], self._clock).start(
            self._stop, _LOOK_SECONDS
        )
        awakening = Awakening(around, placement, workloads.expect)
        WorkloadAutoscaler(around, self._context.autoscaler_times(), awakening.wake).run(self._stop)
        self._listen_to_postgresql()
        self._when_ready()
        while not self._stop.is_set():
            changes.look(wake_ups.wait(_LOOK_SECONDS))
        loop.stop()
        wake_ups.close()

    def _register_nodes(self, engine: LocalEngine, epoch: int) -> None:
        cluster_id = self._context.tree.cluster_id
        nodes, now = engine.nodes(), self._clock.now()

        def register(connection: Connection) -> None:
            require_epoch(connection, LEASE, epoch)
            register_nodes(connection, cluster_id, nodes, now)

        self._database.write(register)

    def _known_pods(self) -> set[str]:
        with self._database.read() as connection:
            return store.known_pods(connection)

    def _give_routes(
        self,
        workloads: WorkloadReconciler,
        around: Surroundings,
        trust: TokenTrustReconciler,
        certificate: GatewayCertificate | None,
    ) -> None:
        """Make the gateway's routes those that follow from the records, all at once."""
        routes = [
            route
            for key in workloads.list_keys()
            if (route := workloads.current_route(key)) is not None
        ]
        while not self._stop.is_set():
            try:
                refused = around.gateway.replace_all(
                    routes,
                    trust.current(),
                    around.tenure.epoch,
                    None if certificate is None else certificate.current(),
                )
            except GatewayUnavailable as error:
                _log.warning("the gateway is not there yet", reason=str(error))
                self._services.ensure()
                continue
            workloads.assume_acknowledged(
                [route for route in routes if route.workload_id not in refused]
            )
            return

    def _renewal(self, lease: Lease, epoch: int) -> Task:
        def renew() -> None:
            if not lease.renew(epoch):
                _log.error("another control plane has the lease now", epoch=epoch)
                self.stop()

        return Task("lease", _RENEW_SECONDS, renew)

    def _tasks(
        self, loop: ControlLoop, engine: LocalEngine, signing_keys: StoredKeys, epoch: int
    ) -> Sequence[Task]:
        waker = Waker(self._context.data.wake_up)

        def wake_the_lost() -> None:
            for replica_id in engine.lost():
                waker.wake(replica_id)

        def tidy() -> None:
            with contextlib.suppress(StaleEpoch):
                engine.tidy(epoch)

        def clean_up() -> None:
            now = self._clock.now()
            remove_old_records(self._database, now)
            remove_old_audit_records(
                self._database, now, self._context.settings.audit_retention_days
            )
            remove_old_assets(
                self._database,
                WorkloadsByAsset({}),
                now,
                self._context.settings.asset_retention_days,
            )
            trim_changes(self._database)
            remove_ended(self._database, now)

        return (
            Task("gateway processes", _LOOK_SECONDS, self._services.ensure),
            Task("lost replicas", _LOOK_SECONDS, wake_the_lost),
            Task("resync", RESYNC_SECONDS, partial(loop.resync, RESYNC_SECONDS)),
            Task("signing keys", _KEYS_SECONDS, signing_keys.rotate),
            Task("left containers", RESYNC_SECONDS, tidy),
            Task("old records", _HOUSEKEEPING_SECONDS, clean_up),
        )

    def _listen_to_postgresql(self) -> None:
        if self._database.is_sqlite:
            return
        waker = Waker(self._context.data.wake_up)
        threading.Thread(
            target=listen_to_postgresql,
            args=(self._database.driver_url, waker.wake, self._stop),
            daemon=True,
        ).start()


def _certificate_tasks(certificate: GatewayCertificate | None) -> Sequence[Task]:
    if certificate is None:
        return ()
    return (
        Task("new certificate", LOOK_SECONDS, certificate.follow),
        Task("certificate", RESYNC_SECONDS, certificate.give),
    )
