"""
Nobody who looks is on the way from logs to the bytes that are sent: the dashboard waits meanwhile, though not for ever.
"""

import asyncio
import socket
from asyncio import AbstractEventLoopPolicy
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp import ClientSession

from keeper.monitor.dashboard import Dashboard
from keeper.monitor.dashboard.gate import PATIENCE_SECONDS, Gate
from tests.clock import SteppedPolicy, advance
from tests.dashboard_moments import Chain, dashboard
from tests.plain_seat import Switch

#: Turns of the event loop after which everything has happened that does not wait for something else.
_MANY = 1_000


@pytest.fixture(scope="module")
def event_loop_policy() -> AbstractEventLoopPolicy:
    return SteppedPolicy()


async def turns(count: int = _MANY) -> None:
    """Let the event loop go round, as it does where the keeper waits for a node."""
    for _ in range(count):
        await asyncio.sleep(0)


# -------------------------------------------------------------------- the gate


class Line:
    """
    Those who stand at a gate.

    Attributes:
        served: Those who had their turn, in order.
    """

    def __init__(self, gate: Gate, count: int) -> None:
        self.served: list[int] = []
        self._gate = gate
        self._tasks = [asyncio.create_task(self._ask(number)) for number in range(count)]

    async def _ask(self, number: int) -> None:
        await self._gate.turn()
        self.served.append(number)

    async def end(self) -> None:
        async with asyncio.timeout(30):
            await asyncio.gather(*self._tasks)


async def test_gate__open__serves_in_the_order_of_asking_and_one_in_a_turn_of_the_loop() -> None:
    line = Line(Gate(), 20)

    seen = []
    while len(line.served) < 20:
        seen.append(len(line.served))
        await turns(1)

    assert line.served == list(range(20))
    assert max(after - before for before, after in zip(seen, [*seen[1:], 20], strict=True)) == 1


async def test_gate__shut__serves_nobody_until_it_is_opened() -> None:
    gate = Gate()
    gate.shut()
    line = Line(gate, 3)
    await turns()
    assert line.served == []

    gate.open()
    await line.end()

    assert line.served == [0, 1, 2]


async def test_gate__shut_again_before_anybody_came_to_run__serves_nobody() -> None:
    gate = Gate()
    gate.shut()
    line = Line(gate, 3)
    await turns()

    gate.open()
    gate.shut()
    await turns()

    assert line.served == []
    gate.open()
    await line.end()


async def test_gate__shut_in_the_middle_of_a_line__serves_no_more() -> None:
    gate = Gate()
    line = Line(gate, 20)
    while len(line.served) < 5:
        await turns(1)

    gate.shut()
    await turns()

    assert line.served == [0, 1, 2, 3, 4]
    gate.open()
    await line.end()


async def test_gate__patience_ends__serves_all_who_asked_by_then_but_nobody_who_came_later() -> None:
    gate = Gate()
    gate.shut()
    line = Line(gate, 3)
    await turns()

    advance(PATIENCE_SECONDS)
    await line.end()
    late = Line(gate, 1)
    await turns()

    assert line.served == [0, 1, 2]
    assert late.served == []
    gate.open()
    await late.end()


async def test_gate__block_after_block_without_a_break__everybody_is_served() -> None:
    gate = Gate()

    async def blocks() -> None:
        while True:
            gate.open()
            gate.shut()
            await turns(10)
            advance(PATIENCE_SECONDS / 10)

    busy = asyncio.create_task(blocks())
    await turns(1)
    line = Line(gate, 100)

    await line.end()

    assert line.served == list(range(100))
    busy.cancel()


async def test_gate__whoever_waits_leaves__the_next_is_served() -> None:
    gate = Gate()
    gate.shut()
    left = asyncio.create_task(gate.turn())
    line = Line(gate, 2)
    await turns()

    left.cancel()
    gate.open()
    await line.end()

    assert line.served == [0, 1]


# -------------------------------------------------------------------- what is behind it


class Watched(Switch):
    """
    Attributes:
        handling: Whether a block is being handled.
        scraped: Whether one was, each time that the metrics were made.
    """

    def __init__(self) -> None:
        super().__init__()
        self.handling = False
        self.scraped: list[bool] = []

    def metrics(self) -> bytes:
        self.scraped.append(self.handling)
        return super().metrics()


@pytest.fixture
def switch() -> Watched:
    switch = Watched()
    switch.begin()
    return switch


@pytest.fixture
async def served(tmp_path: Path, switch: Watched) -> AsyncIterator[Dashboard]:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    async with dashboard(tmp_path, switch, min(port, 65_000)) as served:
        yield served


class Viewers:
    """
    Pages that are open. What the server has sent is there at once: it is on the same machine.
    """

    def __init__(self, url: str, count: int) -> None:
        host, _, port = url.removeprefix("http://").rstrip("/").partition(":")
        self.sockets = [socket.create_connection((host, int(port))) for _ in range(count)]
        for one in self.sockets:
            one.setblocking(False)
            one.sendall(f"GET /events HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())

    def close(self) -> None:
        for one in self.sockets:
            one.close()

    @property
    def told(self) -> list[int]:
        """Which of them were told something that they have not read."""
        return [number for number, one in enumerate(self.sockets) if _waits(one)]

    async def read(self, ending: bytes) -> None:
        """Have each read until *ending* comes."""
        for one in self.sockets:
            text = b""
            while not text.endswith(ending):
                text += await asyncio.get_running_loop().sock_recv(one, 1 << 16)


def _waits(one: socket.socket) -> bool:
    try:
        return bool(one.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False


@pytest.fixture
def viewers(served: Dashboard) -> Iterator[Viewers]:
    viewers = Viewers(served.url, 20)
    yield viewers
    viewers.close()


#: How an event ends within a response that comes in chunks.
_END = b"\n\n\r\n"


async def test_viewers__block_begins_while_they_are_told__nobody_is_told_until_it_is_handled(
    served: Dashboard, viewers: Viewers
) -> None:
    await viewers.read(_END)
    chain = Chain()
    served.block_ended(chain.block())
    async with asyncio.timeout(30):
        while len(viewers.told) < 5:
            await turns(1)

    served.block_began()
    before = viewers.told
    await turns()

    assert viewers.told == before
    assert len(before) < 20
    served.block_ended(chain.block())
    async with asyncio.timeout(30):
        await viewers.read(_END)


async def test_viewers__come_while_block_follows_block__nobody_is_told_until_there_is_a_break(
    served: Dashboard, viewers: Viewers
) -> None:
    chain = Chain()
    served.block_began()
    await turns()

    served.block_ended(chain.block())
    served.ticked()
    served.block_began()
    await turns()

    assert viewers.told == []
    served.block_ended(chain.block())
    async with asyncio.timeout(30):
        await viewers.read(_END)


async def test_requests__while_a_block_is_handled__wait_but_a_probe_and_a_switch_do_not(
    served: Dashboard, switch: Watched, tmp_path: Path
) -> None:
    token = (tmp_path / "dashboard.token").read_text().strip()
    served.block_began()
    switch.handling = True
    async with ClientSession() as client:
        scrape = asyncio.create_task(client.get(served.url + "metrics"))
        await turns()
        async with client.get(served.url + "livez") as answer:
            assert answer.status == 200
        async with client.post(served.url + "pause", headers={"Authorization": f"Bearer {token}"}) as answer:
            assert (await answer.json())["state"] == "DEGRADED"
        switch.handling = False
        served.block_ended(Chain().block())
        async with await scrape as answer:
            assert answer.status == 200

    assert switch.scraped == [False]
