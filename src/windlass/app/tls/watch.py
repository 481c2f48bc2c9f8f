"""The pair to serve with: the last sound one that its files have held."""

from windlass.app.tls.pair import Content, Pair, PairFiles, PairRefused, pair_of
from windlass.kit.clock import Clock

LOOK_SECONDS = 1.0
"""How often files are read again."""
SETTLE_SECONDS = 5.0
"""A pair is written in two steps; only what stays wrong for longer is told."""


class PairWatch:
    """Reads the files again when asked to. For one thread of each process; made before processes
    are forked, so that each starts from the last sound pair.

    Contents are compared, not times: it makes no difference whether files are renamed, links
    switched, or files written in place.
    """

    def __init__(self, files: PairFiles, clock: Clock) -> None:
        """Raises PairRefused."""
        self.files = files
        self.problem: str | None = None
        """Why the files cannot be used as they are now, while the former pair is; None when they
        are what is used."""
        self._clock = clock
        self._content = files.read()
        self.pair: Pair = pair_of(self._content, files, clock.now())
        self._wrong_since: float | None = None

    def look(self) -> bool:
        """Whether there is a new pair."""
        try:
            content = self.files.read()
            found = self._found(content)
        except PairRefused as error:
            self._note(str(error))
            return False
        self.problem = self._wrong_since = None
        if found is None:
            return False
        self.pair, self._content = found, content
        return True

    def _found(self, content: Content) -> Pair | None:
        """The new pair, None where it is the one that is known. Raises PairRefused."""
        if content == self._content:
            return None
        return pair_of(content, self.files, self._clock.now())

    def _note(self, problem: str) -> None:
        now = self._clock.monotonic()
        if self._wrong_since is None:
            self._wrong_since = now
        if now - self._wrong_since >= SETTLE_SECONDS:
            self.problem = problem
