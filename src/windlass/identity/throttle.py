"""How often somebody may try to sign in, so that guessing is slow and owners still get in.

Wrong attempts are counted three ways, all in memory:

- an account from one address: a few are free, then each wrong one doubles the wait, to a minute;
- an account from everywhere, and an address for all accounts: a bucket of attempts that refills, so
  that whoever guesses from many places, or many accounts, does not get far.

An account that was signed in to from an address before is *known* there. It is then held to none of
the three, but to a steady pace: guessing stays slow, and its owner waits for a moment at most,
whatever others do elsewhere.
"""

import math
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, TypeVar

from windlass.kit.clock import Clock
from windlass.kit.errors import TooManyRequests

FREE_ATTEMPTS = 5
LONGEST_WAIT_SECONDS = 60.0
FORGET_SECONDS = 900.0
"""After this long without a wrong attempt, it is as if there had been none."""
KNOWN_PACE_SECONDS = 0.5
"""Between attempts where an account is known."""
KNOWN_PATIENCE_SECONDS = 2.0
"""How long such an attempt is kept waiting for its turn, rather than refused."""
ACCOUNT_ATTEMPTS = 20
ACCOUNT_REFILL_SECONDS = 5.0
ADDRESS_ATTEMPTS = 100
ADDRESS_REFILL_SECONDS = 1.0
_MOST_ENTRIES = 10_000

Pair = tuple[str, str]
Key = TypeVar("Key")
Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether an attempt may be made now."""

    wait_seconds: float = 0.0
    """Until its turn comes."""
    refused_seconds: float = 0.0
    """When above 0: not now, try again after so many."""
    known: bool = False


@dataclass(slots=True)
class _Failures:
    count: int = 0
    last_at: float = 0.0
    blocked_until: float = 0.0


@dataclass(slots=True)
class _Bucket:
    left: float
    filled_at: float


class SignInThrottle:
    """Counts attempts. For one event loop; not safe for threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pairs: _Recent[Pair, _Failures] = _Recent()
        self._known: _Recent[Pair, float] = _Recent()
        self._accounts = _Buckets(ACCOUNT_ATTEMPTS, ACCOUNT_REFILL_SECONDS)
        self._addresses = _Buckets(ADDRESS_ATTEMPTS, ADDRESS_REFILL_SECONDS)

    def admit(self, account: str, address: str) -> Admission:
        """Ask before an attempt. One that is admitted counts as wrong until `succeeded` is told,
        so that many at once are not all admitted."""
        pair, now = (account, address), self._clock.monotonic()
        turn = self._known.get(pair)
        if turn is not None:
            return self._admit_known(pair, turn, now)
        refused = max(
            self._pair_wait(pair, now),
            self._accounts.wait(account, now),
            self._addresses.wait(address, now),
        )
        if refused > 0:
            return Admission(refused_seconds=refused)
        self._count(pair, now)
        self._accounts.take(account, now)
        self._addresses.take(address, now)
        return Admission()

    def succeeded(self, account: str, address: str) -> None:
        """The attempt was right: the account is known at this address from now on."""
        pair, now = (account, address), self._clock.monotonic()
        if self._known.get(pair) is None:
            self._accounts.give_back(account, now)
            self._addresses.give_back(address, now)
            self._known.put(pair, now)
        self._pairs.remove(pair)

    def _admit_known(self, pair: Pair, turn: float, now: float) -> Admission:
        """`turn` is when the next attempt may be made."""
        wait = max(0.0, turn - now)
        if wait > KNOWN_PATIENCE_SECONDS:
            return Admission(refused_seconds=wait, known=True)
        self._known.put(pair, max(turn, now) + KNOWN_PACE_SECONDS)
        return Admission(wait_seconds=wait, known=True)

    def _pair_wait(self, pair: Pair, now: float) -> float:
        failures = self._pairs.get(pair)
        return 0.0 if failures is None else failures.blocked_until - now

    def _count(self, pair: Pair, now: float) -> None:
        failures = self._pairs.get(pair)
        if failures is None or now - failures.last_at > FORGET_SECONDS:
            failures = _Failures()
        failures.count += 1
        failures.last_at = now
        excess = failures.count - FREE_ATTEMPTS
        if excess >= 0:
            failures.blocked_until = now + min(2.0 ** min(excess, 16), LONGEST_WAIT_SECONDS)
        self._pairs.put(pair, failures)


class AddressLimit:
    """How often anybody at one address may do what costs us something. Thread-safe."""

    def __init__(self, clock: Clock, at_once: int = 30, refill_seconds: float = 1.0) -> None:
        """`at_once` are free, then one more every `refill_seconds`."""
        self._clock = clock
        self._buckets = _Buckets(at_once, refill_seconds)
        self._lock = threading.Lock()

    def require(self, address: str) -> None:
        """Raises TooManyRequests."""
        now = self._clock.monotonic()
        with self._lock:
            wait = self._buckets.wait(address, now)
            if wait <= 0:
                self._buckets.take(address, now)
                return
        seconds = whole_seconds(wait)
        raise TooManyRequests(f"Too many sign-ins were begun. Try again in {seconds} s.", seconds)


class _Buckets:
    """Attempts that refill with time, by name."""

    def __init__(self, attempts: int, refill_seconds: float) -> None:
        self._attempts = float(attempts)
        self._refill_seconds = refill_seconds
        self._buckets: _Recent[str, _Bucket] = _Recent()

    def wait(self, name: str, now: float) -> float:
        """Seconds until there is an attempt left; 0 where there is."""
        missing = 1.0 - self._filled(name, now).left
        return max(0.0, missing * self._refill_seconds)

    def take(self, name: str, now: float) -> None:
        self._change(name, now, -1.0)

    def give_back(self, name: str, now: float) -> None:
        self._change(name, now, 1.0)

    def _change(self, name: str, now: float, by: float) -> None:
        bucket = self._filled(name, now)
        bucket.left = min(self._attempts, bucket.left + by)
        self._buckets.put(name, bucket)

    def _filled(self, name: str, now: float) -> _Bucket:
        bucket = self._buckets.get(name)
        if bucket is None:
            return _Bucket(self._attempts, now)
        gained = (now - bucket.filled_at) / self._refill_seconds
        return _Bucket(min(self._attempts, bucket.left + gained), now)


class _Recent(Generic[Key, Entry]):
    """The entries that were put last; older ones are forgotten, so that memory is bounded."""

    def __init__(self) -> None:
        self._entries: OrderedDict[Key, Entry] = OrderedDict()

    def get(self, key: Key) -> Entry | None:
        return self._entries.get(key)

    def put(self, key: Key, entry: Entry) -> None:
        self._entries[key] = entry
        self._entries.move_to_end(key)
        if len(self._entries) > _MOST_ENTRIES:
            self._entries.popitem(last=False)

    def remove(self, key: Key) -> None:
        self._entries.pop(key, None)


def whole_seconds(seconds: float) -> int:
    """For `Retry-After`: rounded up, and never 0."""
    return max(1, math.ceil(seconds))
