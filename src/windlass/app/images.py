"""The images on this machine: HTTP over the engine's own list and the store's needs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import APIRouter, Depends

from windlass.audit.trail import Action, Entity, record
from windlass.engines.local.containers.container_engine import EngineRefuses, EngineUnreachable
from windlass.engines.local.containers.images import Images, StoredImage
from windlass.kit.database import Database
from windlass.kit.errors import Unavailable
from windlass.kit.http import error_responses
from windlass.kit.timestamps import to_wire
from windlass.workloads import store

_PATH = "/api/v1/platform/images"


@dataclass(frozen=True, slots=True)
class MachineImages:
    """What these routes need."""

    database: Database
    images: Images

    def list(self) -> dict[str, Any]:
        """Every image of the container engine. Raises Unavailable."""
        needed = self._needed()
        try:
            stored = self.images.stored()
        except (EngineUnreachable, EngineRefuses) as error:
            raise _unavailable(error) from None
        return {
            "images": [_view(image, needed) for image in stored],
            "totalBytes": sum(image.size_bytes for image in stored),
        }

    def prune(self) -> dict[str, Any]:
        """Remove what the platform pulled and nothing needs. Raises Unavailable."""
        needed = self._needed()
        try:
            removed = self.images.prune(needed)
        except (EngineUnreachable, EngineRefuses) as error:
            raise _unavailable(error) from None
        self._record(removed)
        return {
            "removed": [_view(image, frozenset()) for image in removed],
            "freedBytes": sum(image.size_bytes for image in removed),
        }

    def _needed(self) -> frozenset[str]:
        with self.database.read() as connection:
            return frozenset(store.images_in_use(connection))

    def _record(self, removed: Sequence[StoredImage]) -> None:
        for image in removed:
            name = ", ".join(image.names) or image.id
            entity = Entity("images", image.id, name, "", {})
            self.database.write(partial(record, action=Action.DELETE, entity=entity))


def router(images: MachineImages, authenticated: Callable[..., Any]) -> APIRouter:
    """The routes of images."""
    routes = APIRouter(
        tags=["Platform"],
        dependencies=[Depends(authenticated)],
        responses=error_responses(401, 403, 503),
    )

    @routes.get(_PATH, summary="List the images on this machine")
    def get_images() -> dict[str, Any]:
        return images.list()

    @routes.post(f"{_PATH}/prune", summary="Remove images that nothing uses any more")
    def prune_images() -> dict[str, Any]:
        return images.prune()

    return routes


def _view(image: StoredImage, needed: frozenset[str]) -> dict[str, Any]:
    return {
        "id": image.id,
        "names": list(image.names),
        "sizeBytes": image.size_bytes,
        "createdAt": to_wire(image.created_at),
        "pulledByPlatform": image.pulled_here,
        "inUse": image.in_use or image.is_needed(needed),
    }


def _unavailable(error: Exception) -> Unavailable:
    return Unavailable(f"The container engine cannot be asked: {error}.")
