"""The batcher: one writer, no timer, and nobody harmed by somebody else's item."""

import asyncio
from collections.abc import Sequence

import pytest

from talktime.api.batcher import Batcher
from talktime.core.errors import CallUnknown, InvalidAmount, Overloaded, TalktimeError


class Desk:
    """Writes numbers; some are refused, some break whatever batch they are in."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.written: list[int] = []
        self.open = asyncio.Event()
        self.open.set()
        self.away = False

    async def write(self, items: Sequence[int]) -> list[str | TalktimeError]:
        self.batches.append(list(items))
        await self.open.wait()
        if self.away:
            raise Overloaded("the database went away")
        if any(item < 0 for item in items):
            raise ValueError("this item breaks the batch")
        if any(item > 999 for item in items):
            raise InvalidAmount("this item is beyond what the database can count")
        self.written += items
        return [CallUnknown("odd") if item % 2 else f"took {item}" for item in items]


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_alone_it_goes_at_once(desk: Desk) -> None:
    """With nobody else there, an item is a batch of one; nothing waits for company."""
    batcher: Batcher[int, str] = Batcher("test", desk.write)
    async with asyncio.timeout(1):
        assert await batcher.submit(2) == "took 2"
    assert desk.batches == [[2]]


async def test_what_queues_meanwhile_goes_together(desk: Desk) -> None:
    """Items that come while a batch is written go as the next one, in order, up to the limit."""
    sizes: list[tuple[str, int]] = []
    batcher: Batcher[int, str] = Batcher(
        "test", desk.write, batch_max=4, observe=lambda *heard: sizes.append(heard)
    )
    desk.open.clear()
    first = batcher.submit(0)
    await asyncio.sleep(0)
    rest = [batcher.submit(i) for i in range(2, 20, 2)]
    assert batcher.depth() == 9
    desk.open.set()
    assert await asyncio.gather(first, *rest) == [f"took {i}" for i in range(0, 20, 2)]
    assert desk.batches == [[0], [2, 4, 6, 8], [10, 12, 14, 16], [18]]
    assert sizes == [("test", size) for size in (1, 4, 4, 1)]


async def test_a_refusal_is_of_its_item_alone(desk: Desk) -> None:
    """Each item gets its own answer or refusal."""
    batcher: Batcher[int, str] = Batcher("test", desk.write)
    two, three, four = await asyncio.gather(*batcher.submit_all([2, 3, 4]))
    assert (two, four) == ("took 2", "took 4")
    assert isinstance(three, CallUnknown)


async def test_who_breaks_a_batch_breaks_it_alone(desk: Desk) -> None:
    """An item that makes the batch fail is tried alone; all others are written, exactly once."""
    batcher: Batcher[int, str] = Batcher("test", desk.write)
    answers = await asyncio.gather(*batcher.submit_all([2, -1, 4]), return_exceptions=True)
    assert (answers[0], answers[2]) == ("took 2", "took 4")
    assert isinstance(answers[1], ValueError)
    assert desk.written == [2, 4]
    assert await batcher.submit(6) == "took 6"


async def test_who_is_refused_for_a_batch_is_refused_alone(desk: Desk) -> None:
    """A batch refused for what is in it is tried one by one: the refusal finds whose it is."""
    batcher: Batcher[int, str] = Batcher("test", desk.write)
    two, much, four = await asyncio.gather(*batcher.submit_all([2, 1000, 4]))
    assert (two, four) == ("took 2", "took 4")
    assert isinstance(much, InvalidAmount)
    assert desk.batches == [[2, 1000, 4], [2], [1000], [4]]


async def test_going_away_loses_no_write(desk: Desk) -> None:
    """A request that is cancelled while it waits is written all the same, and stops nobody."""
    batcher: Batcher[int, str] = Batcher("test", desk.write)
    desk.open.clear()
    gone = batcher.submit(2)
    await asyncio.sleep(0)
    queued, stays = batcher.submit_all([4, 6])

    async def wait(future: asyncio.Future[str | TalktimeError]) -> object:
        return await future

    waiting = [asyncio.create_task(wait(gone)), asyncio.create_task(wait(queued))]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    desk.open.set()
    assert await stays == "took 6"
    assert desk.written == [2, 4, 6]


async def test_a_full_queue_refuses(desk: Desk) -> None:
    """Over its limit the queue takes nothing more, not even a part; what is in it is written."""
    batcher: Batcher[int, str] = Batcher("test", desk.write, queue_max=3)
    desk.open.clear()
    first = batcher.submit(0)
    await asyncio.sleep(0)
    queued = batcher.submit_all([2, 4])
    with pytest.raises(Overloaded):
        batcher.submit_all([6, 8])
    assert batcher.depth() == 2
    desk.open.set()
    await asyncio.gather(first, *queued)
    assert desk.written == [0, 2, 4]


async def test_a_database_away_is_told_to_all(desk: Desk) -> None:
    """When the database is away the whole batch is told so, once; afterwards it goes on."""
    batcher: Batcher[int, str] = Batcher("test", desk.write)
    desk.away = True
    answers = await asyncio.gather(*batcher.submit_all([2, 4]))
    assert [type(answer) for answer in answers] == [Overloaded, Overloaded]
    assert len(desk.batches) == 1
    desk.away = False
    assert await batcher.submit(2) == "took 2"


async def test_closing_writes_what_is_queued(desk: Desk) -> None:
    """Closing answers everything queued first, and takes nothing more."""
    batcher: Batcher[int, str] = Batcher("test", desk.write, batch_max=2)
    desk.open.clear()
    futures = batcher.submit_all([2, 4, 6])
    closing = asyncio.create_task(batcher.close())
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        batcher.submit(8)
    assert not closing.done()
    desk.open.set()
    await closing
    assert all(future.done() for future in futures)
    assert desk.written == [2, 4, 6]


async def test_a_killed_writer_leaves_nobody_waiting(desk: Desk) -> None:
    """A writer that is cancelled answers all who wait, and the next item finds a new one."""
    batcher: Batcher[int, str] = Batcher("test", desk.write)
    desk.open.clear()
    first = batcher.submit(2)
    await asyncio.sleep(0)
    second = batcher.submit(4)
    (writer,) = [task for task in asyncio.all_tasks() if task.get_name() == "test writer"]
    writer.cancel()
    assert [type(answer) for answer in await asyncio.gather(first, second)] == [Overloaded] * 2
    desk.open.set()
    assert await batcher.submit(6) == "took 6"
