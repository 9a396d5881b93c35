"""
Several nodes that stand in for each other, each a server of its own.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import web

from keeper.chain import rpc as rpc_module
from keeper.chain.endpoint import Endpoint
from keeper.chain.rpc import Rpc
from keeper.errors import RateLimited, RpcError, Unproved

CHAIN = 42161


class Server:
    """A node over HTTP that answers by method, or as it is told to misbehave."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {"eth_chainId": hex(CHAIN), "eth_blockNumber": "0x64"}
        self.misbehave: Callable[[], web.Response] | None = None
        self.hangs = False
        self.calls: Counter[str] = Counter()
        self.url = ""

    async def start(self) -> web.AppRunner:
        application = web.Application()
        application.router.add_post("/secret", self._post)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/secret"
        return runner

    async def _post(self, incoming: web.Request) -> web.Response:
        request = await incoming.json()
        self.calls[request["method"]] += 1
        if self.hangs:
            await asyncio.sleep(30)
        if self.misbehave is not None:
            return self.misbehave()
        answer = self.answers.get(request["method"], "0x0")
        field = "error" if isinstance(answer, dict) and "code" in answer else "result"
        return web.json_response({"jsonrpc": "2.0", "id": request["id"], field: answer})


def status(code: int, **headers: str) -> Callable[[], web.Response]:
    return lambda: web.Response(status=code, headers=headers)


@pytest.fixture
async def servers() -> AsyncIterator[list[Server]]:
    servers = [Server(), Server()]
    async with AsyncExitStack() as stack:
        for server in servers:
            runner = await server.start()
            stack.push_async_callback(runner.cleanup)
        yield servers


@pytest.fixture
async def rpc(servers: list[Server]) -> AsyncIterator[Rpc]:
    async with Rpc(*(server.url for server in servers), chain_id=CHAIN) as rpc:
        yield rpc


async def test_rpc__all_well__asks_the_first_alone(servers: list[Server], rpc: Rpc) -> None:
    servers[0].answers["eth_gasPrice"] = "0x1"

    assert [await rpc("eth_gasPrice") for _ in range(3)] == ["0x1"] * 3

    assert not servers[1].calls
    assert servers[0].calls["eth_chainId"] == 1


@pytest.mark.parametrize(
    "misbehave",
    [
        status(500),
        status(503),
        status(413),
        lambda: web.Response(text="<html>", content_type="text/html"),
        lambda: web.Response(text='{"jsonrpc": "2.0", "id', content_type="application/json"),
        lambda: web.json_response({"jsonrpc": "2.0", "id": 1}),
        lambda: web.json_response([]),
        lambda: web.json_response({"jsonrpc": "2.0", "id": 4711, "result": "0x1"}),
        lambda: web.json_response({"jsonrpc": "2.0", "result": "0x1"}),
        lambda: web.Response(text="[" * 2_000, content_type="application/json"),
    ],
)
async def test_rpc__first_gives_no_answer__second_does_and_the_first_rests(
    servers: list[Server], rpc: Rpc, misbehave: Callable[[], web.Response]
) -> None:
    servers[0].misbehave, servers[1].answers["eth_gasPrice"] = misbehave, "0x2"

    assert [await rpc("eth_gasPrice") for _ in range(5)] == ["0x2"] * 5

    assert servers[0].calls.total() == 1
    assert [node["paused"] for node in rpc.health] == [True, False]
    assert "secret" not in str(rpc.health) + rpc.url


async def test_rpc__first_is_well_again__is_asked_again(
    servers: list[Server], rpc: Rpc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc_module, "_PAUSE_SECONDS", (0.02, 1.0))
    servers[0].misbehave, servers[0].answers["eth_gasPrice"] = status(500), "0x1"
    await rpc("eth_gasPrice")
    servers[0].misbehave = None
    await asyncio.sleep(0.05)

    assert await rpc("eth_gasPrice") == "0x1"


async def test_rpc__flapping_node__rests_twice_as_long_each_time(
    servers: list[Server], rpc: Rpc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc_module, "_PAUSE_SECONDS", (0.02, 10.0))
    servers[0].misbehave = status(500)
    began = time.monotonic()
    while time.monotonic() - began < 1.0:
        await rpc("eth_gasPrice")
        await asyncio.sleep(0.005)

    assert 3 <= servers[0].calls.total() <= 7


async def test_rpc__answer_is_an_error__is_not_asked_of_another(servers: list[Server], rpc: Rpc) -> None:
    servers[0].answers["eth_call"] = {"code": 3, "message": "execution reverted", "data": "0x08"}

    with pytest.raises(RpcError, match="reverted") as error:
        await rpc("eth_call", {})

    assert (error.value.code, error.value.data) == (3, "0x08")
    assert not servers[1].calls


async def test_rpc__first_lacks_the_block__second_is_asked_and_the_first_does_not_rest(
    servers: list[Server], rpc: Rpc
) -> None:
    servers[0].answers["eth_call"] = {"code": -32000, "message": "header not found"}
    servers[1].answers["eth_call"] = "0x5"

    assert await rpc("eth_call", {}) == "0x5"
    assert not rpc.health[0]["paused"]


async def test_rpc__sent_bytes_without_answer__are_not_offered_to_another(servers: list[Server], rpc: Rpc) -> None:
    await rpc("eth_gasPrice")
    servers[0].misbehave = status(502)

    with pytest.raises(RpcError):
        await rpc("eth_sendRawTransaction", "0x00")

    assert not servers[1].calls


async def test_rpc__node_of_another_chain__is_not_believed(servers: list[Server], rpc: Rpc) -> None:
    servers[0].answers |= {"eth_chainId": "0x1", "eth_gasPrice": "0x1"}
    servers[1].answers["eth_gasPrice"] = "0x2"

    assert await rpc("eth_gasPrice") == "0x2"
    assert servers[0].calls["eth_gasPrice"] == 0


async def test_rpc__first_is_not_believed__second_is_asked(servers: list[Server], rpc: Rpc) -> None:
    servers[1].answers["eth_gasPrice"] = "0x2"

    rpc.distrust(Unproved("its logs are not all"))

    assert await rpc("eth_gasPrice") == "0x2"
    assert [node["paused"] for node in rpc.health] == [True, False]


async def test_rpc__only_node_is_not_believed__is_asked_all_the_same(servers: list[Server]) -> None:
    async with Rpc(servers[0].url) as rpc:
        rpc.distrust(Unproved("its logs are not all"))

        assert await rpc("eth_gasPrice") == "0x0"
        assert not rpc.health[0]["paused"]


async def test_rpc__first_hangs__second_answers_soon(
    servers: list[Server], rpc: Rpc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc_module, "_READ_SECONDS", 0.1)
    servers[0].hangs = True
    servers[1].answers["eth_gasPrice"] = "0x2"
    began = time.monotonic()

    assert await rpc("eth_gasPrice") == "0x2"
    assert time.monotonic() - began < 2


async def test_rpc__requests_are_given_up_at_every_moment__later_ones_are_answered(servers: list[Server]) -> None:
    async with Rpc(servers[0].url) as rpc:
        for moments in range(40):
            given_up = [asyncio.create_task(rpc("eth_gasPrice")) for _ in range(8)]
            for _ in range(moments):
                await asyncio.sleep(0)
            for task in given_up:
                task.cancel()
            await asyncio.wait(given_up)

        async with asyncio.timeout(10):
            assert await rpc("eth_blockNumber") == "0x64"


async def test_rpc__rate_limited__node_is_left_alone_as_long_as_it_says(servers: list[Server], rpc: Rpc) -> None:
    servers[0].misbehave = status(429, **{"Retry-After": "7"})

    for _ in range(3):
        await rpc("eth_gasPrice")

    assert servers[0].calls.total() == 1


@pytest.mark.parametrize(
    ("asked_for", "seconds"), [("1e12", 300.0), ("inf", 300.0), ("-3", 0.0), ("nan", None), ("Fri, 1 Jan 2100", None)]
)
async def test_endpoint__rate_limited_for_ever__is_left_alone_within_reason(
    servers: list[Server], asked_for: str, seconds: float | None
) -> None:
    servers[0].misbehave = status(429, **{"Retry-After": asked_for})

    async with Endpoint(servers[0].url) as ask:
        with pytest.raises(RateLimited) as error:
            await ask("eth_blockNumber")

    assert error.value.retry_after == seconds


async def test_endpoint__words_of_an_error__are_short_and_on_one_line(servers: list[Server]) -> None:
    said = "execution reverted: \x1b[2J\n[error] forged " + "x" * 1_000_000
    servers[0].answers["eth_call"] = {"code": 3, "message": said, "data": "0x"}

    async with Endpoint(servers[0].url) as ask:
        with pytest.raises(RpcError, match="execution reverted:") as error:
            await ask("eth_call")

    assert str(error.value).isprintable()
    assert len(str(error.value)) < 1_100


@pytest.mark.parametrize("url", ["SECRET", "ftp://user:SECRET@host", "http://host:SECRET", "http://[::1/SECRET"])
async def test_endpoint__no_url__is_told_without_showing_it(url: str) -> None:
    async with Endpoint(url) as ask:
        with pytest.raises(RpcError, match="that is not the URL of a node") as error:
            await ask("eth_blockNumber")

    assert "SECRET" not in str(error.value)


async def test_rpc__all_rate_limited__waits_or_says_how_long(servers: list[Server], rpc: Rpc) -> None:
    servers[0].misbehave = status(429, **{"Retry-After": "7"})
    servers[1].misbehave = status(429, **{"Retry-After": "9"})
    with pytest.raises(RateLimited):
        await rpc("eth_gasPrice")
    asked = servers[0].calls.total() + servers[1].calls.total()

    with pytest.raises(RateLimited) as error:
        await rpc("eth_gasPrice")

    assert error.value.retry_after is not None
    assert 6 < error.value.retry_after <= 7
    assert servers[0].calls.total() + servers[1].calls.total() == asked


async def test_rpc__rate_limited_for_a_moment__request_waits_and_succeeds(servers: list[Server]) -> None:
    servers[0].misbehave = status(429, **{"Retry-After": "0.2"})
    async with Rpc(servers[0].url) as rpc:
        with pytest.raises(RateLimited):
            await rpc("eth_gasPrice")
        servers[0].misbehave = None

        assert await rpc("eth_gasPrice") == "0x0"


@pytest.mark.parametrize("words", ["rate limit exceeded", "Too Many Requests", "exceeded its compute units per second"])
async def test_rpc__rate_limit_as_json__is_one(servers: list[Server], rpc: Rpc, words: str) -> None:
    servers[0].answers["eth_gasPrice"] = {"code": -32005, "message": words}
    servers[1].answers["eth_gasPrice"] = "0x2"

    assert await rpc("eth_gasPrice") == "0x2"


async def test_check__lagging_node__is_asked_last(
    servers: list[Server], rpc: Rpc, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers[1].answers |= {"eth_blockNumber": "0x80", "eth_gasPrice": "0x2"}

    await rpc.check()

    assert await rpc("eth_gasPrice") == "0x2"
    assert rpc.health[0]["lag_blocks"] == 0x80 - 0x64
    asked = rpc.calls.total()
    await rpc.check()
    assert rpc.calls.total() == asked


async def test_rpc__one_node_out_of_reach__is_told_without_its_secret(servers: list[Server]) -> None:
    async with Rpc("http://127.0.0.1:9/secret") as rpc:
        with pytest.raises(RpcError, match="out of reach") as error:
            await rpc("eth_gasPrice")

    assert "secret" not in str(error.value)
