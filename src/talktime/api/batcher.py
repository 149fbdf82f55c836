"""One writer per act: requests queue while the last batch is written, then go as one batch.

There is no timer: alone, an item is written at once; under load, batches grow by themselves.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from talktime.api.problems import log_unexpected
from talktime.core.errors import Overloaded, TalktimeError

Item = TypeVar("Item")
Answer = TypeVar("Answer")

BATCH_MAX: Final = 500
QUEUE_MAX: Final = 10_000

Write = Callable[[Sequence[Item]], Awaitable[Sequence[Answer | TalktimeError]]]
"""Writes a batch in the order given; one answer or refusal per item, in the same order."""


class Batcher(Generic[Item, Answer]):
    """Queues items for one writer. Whoever waits may go away: the item is written all the same."""

    def __init__(
        self,
        name: str,
        write: Write[Item, Answer],
        *,
        batch_max: int = BATCH_MAX,
        queue_max: int = QUEUE_MAX,
        observe: Callable[[str, int], None] | None = None,
    ) -> None:
        """``observe`` hears the name and the size of every batch that is written."""
        self.name = name
        self._write = write
        self._batch_max = batch_max
        self._queue_max = queue_max
        self._observe = observe
        self._queue: deque[tuple[Item, asyncio.Future[Answer | TalktimeError]]] = deque()
        self._writer: asyncio.Task[None] | None = None
        self._is_closed = False

    def depth(self) -> int:
        """How many items wait; those being written not counted."""
        return len(self._queue)

    def submit(self, item: Item) -> asyncio.Future[Answer | TalktimeError]:
        """Queue an item; the future has its answer or refusal. Raises Overloaded when full."""
        return self.submit_all((item,))[0]

    def submit_all(self, items: Sequence[Item]) -> list[asyncio.Future[Answer | TalktimeError]]:
        """Queue items one after the other: all of them, or none and Overloaded."""
        if self._is_closed:
            raise Overloaded("this server is shutting down; send the same request again")
        if len(self._queue) + len(items) > self._queue_max:
            raise Overloaded("too many requests are waiting; send the same request again")
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[Answer | TalktimeError]] = []
        for item in items:
            future = loop.create_future()
            self._queue.append((item, future))
            futures.append(future)
        if self._writer is None and self._queue:
            self._writer = loop.create_task(self._run(), name=f"{self.name} writer")
        return futures

    async def close(self) -> None:
        """Take no more items, and return when those queued are answered."""
        self._is_closed = True
        while (writer := self._writer) is not None:
            await asyncio.wait([writer])

    async def _run(self) -> None:
        batch: list[tuple[Item, asyncio.Future[Answer | TalktimeError]]] = []
        try:
            while self._queue:
                size = min(len(self._queue), self._batch_max)
                batch = [self._queue.popleft() for _ in range(size)]
                if self._observe is not None:
                    self._observe(self.name, size)
                await self._answer(batch)
        except asyncio.CancelledError:
            # The process is being torn down: nobody is left waiting for a writer that is gone.
            for _, future in [*batch, *self._queue]:
                if not future.done():
                    future.set_result(Overloaded("this server is stopping; send it again"))
            self._queue.clear()
            raise
        finally:
            self._writer = None

    async def _answer(
        self, batch: list[tuple[Item, asyncio.Future[Answer | TalktimeError]]]
    ) -> None:
        try:
            answers = await self._write([item for item, _ in batch])
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():  # whoever asked may have gone
                    future.set_result(answer)
        except Overloaded as refusal:
            # The batch as a whole was refused: the database is busy or away.
            for _, future in batch:
                if not future.done():
                    future.set_result(refusal)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must stop with its own item
            if len(batch) > 1:
                for one in batch:
                    await self._answer([one])
                return
            future = batch[0][1]
            if isinstance(error, TalktimeError):
                if not future.done():
                    future.set_result(error)
                return
            log_unexpected(self.name, "", error)
            if not future.done():
                future.set_exception(error)
