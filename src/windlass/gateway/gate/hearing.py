"""Whether each of Envoy's workers has heard of what Envoy acknowledged.

Envoy acknowledges once it has left word with its workers. Each hears of it when it next listens,
which may be a while on a busy machine, and sends requests by what was before until then. Workers
take words in order. One that comes later, and whose hearing shows, is that to hand in what they
have counted of latencies: Envoy gives it whenever its statistics are asked for, unless it still
waits for the answers to the last one, and counts how often that was so.
"""

import asyncio

from windlass.gateway.gate.admin import EnvoyAdmin, EnvoyUnreachable
from windlass.kit.clock import Clock

LIMIT_SECONDS = 5.0
PAUSE_SECONDS = 0.002


class Hearing:
    """Asks Envoy; those who want to know at the same time share what it says."""

    def __init__(self, admin: EnvoyAdmin, clock: Clock) -> None:
        self._admin = admin
        self._clock = clock
        self._heard_at = float("-inf")
        self._listening: asyncio.Task[None] | None = None

    async def of_all_until(self, moment: float) -> None:
        """Return once every worker has heard of what was acknowledged at that time of the monotonic
        clock. Raises EnvoyUnreachable, also where one does not listen at all."""
        while self._heard_at < moment:
            if self._listening is None:
                self._listening = asyncio.create_task(self._listen())
            await asyncio.shield(self._listening)

    async def _listen(self) -> None:
        began = self._clock.monotonic()
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                await self._leave_word_twice()
        except TimeoutError:
            raise EnvoyUnreachable("Not all of Envoy's workers listen.") from None
        finally:
            self._listening = None
        self._heard_at = began

    async def _leave_word_twice(self) -> None:
        """Return once a word has been left after another: the first has been heard by then."""
        left = 0
        unheard = await self._admin.words_not_left()
        while left < 2:
            before, unheard = unheard, await self._admin.words_not_left()
            if unheard == before:
                left += 1
            else:
                await asyncio.sleep(PAUSE_SECONDS)
