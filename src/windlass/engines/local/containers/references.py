"""Names of images; https://github.com/distribution/reference has the grammar."""

import re
from dataclasses import dataclass

from windlass.engines.engine import PullPolicy

DOCKER_HUB = "docker.io"
_LOCAL = "localhost"
_LATEST = "latest"
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(?::\d+)?"
_REFERENCE = re.compile(
    rf"(?P<repository>(?:{_HOST}/)?{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Reference:
    """The name of an image, in its parts."""

    repository: str
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Raises ValueError with what is wrong."""
        found = _REFERENCE.fullmatch(text)
        if found is None:
            raise ValueError(
                f"{text!r} is not the name of an image, such as registry.example.com/team/name:tag"
            )
        return cls(found["repository"], found["tag"], found["digest"])

    @property
    def registry(self) -> str:
        """The host that it is pulled from."""
        first, slash, _ = self.repository.partition("/")
        is_host = bool(slash) and ("." in first or ":" in first or first == _LOCAL)
        return first if is_host else DOCKER_HUB

    @property
    def policy(self) -> PullPolicy:
        """When it is pulled unless somebody says otherwise: as in Kubernetes.

        What was built on this machine (`localhost/…`) is in no registry.
        """
        moves = self.digest is None and self.tag in (None, _LATEST)
        return PullPolicy.ALWAYS if moves and self.registry != _LOCAL else PullPolicy.IF_NOT_PRESENT

    @property
    def version(self) -> str:
        """What the engine is asked to pull of the repository."""
        return self.digest or self.tag or _LATEST

    def pinned(self, digest: str) -> str:
        """The same image for ever."""
        return f"{self.repository}@{digest}"
