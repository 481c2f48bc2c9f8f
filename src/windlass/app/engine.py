"""The engine of this machine, as the settings describe it.

Apart from `context.py`, so that `windlass down` need not import all that `up` does.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from windlass.app.data_directory import DataDirectory
from windlass.engines.local.containers.registry_auth import check_credentials
from windlass.engines.local.containers.settings import ContainerSettings, Ulimit, usual_places
from windlass.engines.local.declared_nodes import (
    parse_labels,
    parse_simulated_nodes,
    parse_taint,
)
from windlass.engines.local.gpus import parse_simulated_gpus
from windlass.engines.local.local_engine import LocalEngine
from windlass.engines.local.processes.catalogue import Catalogue, CatalogueInvalid
from windlass.gateway.files import GatewayFiles
from windlass.settings import Settings


def make_engine(settings: Settings, data: DataDirectory, catalogue: Catalogue) -> LocalEngine:
    """The engine of this machine. Raises ValueError for settings that make no sense."""
    simulated = parse_simulated_gpus(settings.simulate_gpus) if settings.simulate_gpus else ()
    with _of_option("--node-label"):
        labels = parse_labels(settings.node_labels)
    with _of_option("--node-taint"):
        taints = [parse_taint(text) for text in settings.node_taints]
    with _of_option("--simulate-node"):
        nodes = parse_simulated_nodes(settings.simulate_nodes, socket.gethostname())
    return LocalEngine(
        data.root,
        catalogue,
        os.environ.get("PATH", os.defpath),
        simulated_gpus=simulated,
        node_labels=labels,
        node_taints=taints,
        simulated_nodes=nodes,
        notify=data.wake_up,
        notify_ready=GatewayFiles(data.gateway.absolute()).ready_address,
        containers=container_settings(settings),
    )


def read_catalogue(settings: Settings) -> Catalogue:
    """The host images at the start. Raises ValueError that says what is wrong with their file."""
    try:
        return Catalogue(settings.host_images)
    except CatalogueInvalid as error:
        raise ValueError(str(error)) from None


def container_settings(settings: Settings) -> ContainerSettings:
    """What was said about containers. Raises ValueError for what makes no sense."""
    environment = {"DOCKER_HOST": settings.docker_host, "XDG_RUNTIME_DIR": settings.xdg_runtime_dir}
    read = ContainerSettings(
        engine=settings.container_engine,
        usual_places=usual_places(environment, Path.home(), is_root=os.geteuid() == 0),
        runtime=settings.container_runtime,
        network=settings.container_network,
        ulimits=tuple(Ulimit.parse(text) for text in settings.container_ulimits),
        pids_limit=settings.container_pids_limit,
        registry_auth=settings.registry_auth,
    )
    read.check()
    if read.registry_auth is not None:
        check_credentials(read.registry_auth)
    return read


@contextmanager
def _of_option(name: str) -> Iterator[None]:
    """Have what is wrong within say of which option it is."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
