"""
Nodes that give no answer, or none that can be used.
"""

import asyncio
import itertools
import shutil
import ssl
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from keeper.chain.rpc import Rpc
from soak import faults
from soak.flight import Flight
from soak.proxy import Fault
from soak.tables import NO_ANSWER, NO_RESULT
from tests.clock import SteppedLoop, advance

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("fault", NO_ANSWER.values(), ids=NO_ANSWER)
async def test_node__gives_no_answer__the_other_is_asked(checked: Flight, fault: Fault) -> None:
    with checked.first.inject(fault) as rule:
        await rule.hit()
        before = sum(checked.second.calls.values())
        await checked.pass_blocks(2)

        assert sum(checked.second.calls.values()) > before
    assert checked.rpc.health[0]["failures"] > 0


@pytest.mark.parametrize("value", NO_RESULT.values(), ids=NO_RESULT)
async def test_nodes__answer_with_results_of_other_kinds__keeper_goes_on(checked: Flight, value: object) -> None:
    fault = faults.result(value)
    with checked.first.inject(fault, count=25) as rule, checked.second.inject(fault, count=25):
        await rule.hit(5)


async def test_node__tells_ids_as_text_and_errors_beside_results__is_understood(checked: Flight) -> None:
    as_text = faults.changed(lambda answer: answer | {"id": str(answer["id"])})
    with checked.first.inject(as_text):
        await checked.pass_blocks(3)
    assert not checked.rpc.health[0]["paused"]
    both = faults.changed(lambda answer: answer | {"error": {"code": -32603, "message": "internal error"}})
    with checked.first.inject(both, "eth_getLogs", count=3) as rule:
        await rule.hit(3)


async def test_node__refuses_connections__the_other_answers_at_once(checked: Flight) -> None:
    async with checked.first.down():
        taken = []
        for _ in range(5):
            checked.forgive()
            began = time.monotonic()
            await checked.rpc("eth_gasPrice")
            taken.append(time.monotonic() - began)
        await checked.pass_blocks(3)

    assert min(taken) < 0.3


@pytest.mark.parametrize("seconds", [1.0, 60.0])
async def test_nodes__all_are_down__keeper_comes_back(checked: Flight, seconds: float) -> None:
    sent = len(checked.sent)
    async with checked.first.down(), checked.second.down():
        before = checked.keeper.report.refused["chain_error"]
        await asyncio.sleep(1.0)
        advance(seconds - 1.0)
        await asyncio.sleep(0.5)

        assert checked.keeper.report.refused["chain_error"] > before or seconds > 1
        assert len(checked.sent) == sent


@pytest.mark.parametrize("fault", [faults.hang(), faults.dripping(0.7)], ids=["hangs", "drips"])
async def test_node__takes_forever__the_other_is_asked(checked: Flight, fault: Fault) -> None:
    with checked.first.inject(fault, "eth_getLogs", "eth_call") as rule:
        await rule.hit()
        advance(3.5)
        await checked.pass_blocks(2)
    assert checked.rpc.health[0]["failures"] > 0


@pytest.mark.parametrize("fault", [faults.hang(), faults.slow(20.0)], ids=["hang", "answer late"])
async def test_nodes__all_take_forever__requests_are_given_up(checked: Flight, fault: Fault) -> None:
    with checked.first.inject(fault), checked.second.inject(fault):
        await asyncio.sleep(0.3)
        for _ in range(4):
            advance(5.0)
            await asyncio.sleep(0.05)


async def test_node__flaps__is_asked_less_and_less(checked: Flight) -> None:
    turns = itertools.cycle([True] * 5 + [False] * 5)
    with checked.first.inject(faults.status(503), chance=lambda: next(turns)) as rule:
        await checked.pass_blocks(12)

        assert rule.hits <= 10


@pytest.mark.parametrize("seconds", [0.05, 0.5])
async def test_nodes__are_slow__blocks_are_taken_in_and_old_plans_dropped(checked: Flight, seconds: float) -> None:
    fault = faults.slow(seconds)
    with checked.first.inject(fault), checked.second.inject(fault):
        await checked.pass_blocks(8, 60)


@pytest_asyncio.fixture(loop_scope="module")
async def impostor(tmp_path: Path) -> AsyncIterator[str]:
    """A node with a certificate that nobody vouches for."""
    if (openssl := shutil.which("openssl")) is None:
        pytest.skip("needs openssl, to make a certificate")
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "certificate.pem")
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=127.0.0.1"]
    made = [openssl, "req", "-x509", *kind, "-days", "1", "-keyout", key, "-out", certificate]
    subprocess.run(made, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(await request.text())
        return web.json_response({"jsonrpc": "2.0", "id": 0, "result": "0x1"})

    application = web.Application()
    application.router.add_post("/secret", answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}/secret"
    await runner.cleanup()
    assert asked == []


async def test_node__certificate_is_nobodys__is_not_asked(checked: Flight, impostor: str) -> None:
    async with Rpc(impostor, checked.second.url) as rpc:
        assert int(await rpc("eth_blockNumber"), 16) > 1

        assert rpc.health[0]["paused"]
        assert "secret" not in str(rpc.health)


@pytest.mark.parametrize("slow", [False, True], ids=["no such name", "slow"])
async def test_node__name_is_not_resolved__the_other_is_asked(checked: Flight, slow: bool) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SteppedLoop)
    with loop.names_fail(slow):
        async with Rpc("http://node.invalid:8545/secret", checked.second.url) as rpc:
            asked = asyncio.ensure_future(rpc("eth_blockNumber"))
            await asyncio.sleep(0)
            if slow:
                await loop.name_asked.wait()
                advance(3.5)

            assert int(await asked, 16) > 1
            assert rpc.health[0]["paused"]
