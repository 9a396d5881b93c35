"""
``keeper dashboard``: what a terminal shows of a keeper that runs elsewhere.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.dashboard_moments import FINNEY, Chain, dashboard
from tests.plain_seat import Switch


@pytest.fixture
async def url(tmp_path: Path, unused_tcp_port: int) -> AsyncIterator[str]:
    """Where a keeper is that has sent something, which was included, and left something, for a rude node's reason."""
    switch, chain = Switch(), Chain()
    switch.begin()
    switch.pause("operator", "lunch")
    async with dashboard(tmp_path, switch, unused_tcp_port) as served:
        served.block_ended(chain.block())
        transaction = chain.decide("sent")
        served.block_ended(chain.block())
        chain.settle(transaction, 7 * FINNEY)
        chain.decide("simulation failed: \x1b[2J\nno")
        served.block_ended(chain.block())
        yield served.url


async def test_dashboard__once__shows_state_numbers_and_what_became_of_opportunities(url: str) -> None:
    code, told = await keeper("dashboard", "--once", "--url", url)

    assert code == 0, told
    assert "DEGRADED" in told
    assert "lunch" in told
    assert "Arbitrum One" in told
    rows = [line.split() for line in told.splitlines() if "WETH>USDC>WETH" in line]
    assert [row[4:6] for row in rows] == [["-", "simulation"], ["0.006990", "included"]]
    assert "\x1b[2J" not in told


async def test_dashboard__nobody_there__is_one_sentence(unused_tcp_port: int) -> None:
    code, told = await keeper("dashboard", "--url", f"http://127.0.0.1:{unused_tcp_port}/")

    assert code == 1
    assert told.splitlines()[-1].startswith(f"Error: no keeper answers at http://127.0.0.1:{unused_tcp_port}: ")
    assert "Traceback" not in told


@pytest.mark.parametrize("told", [b"data: {}\n\n", b"data: []\n\n", b'data: {"identity": 3}\n\n', b"data: {\n\n"])
async def test_dashboard__somebody_else_is_there__is_one_sentence(unused_tcp_port: int, told: bytes) -> None:
    async def events(_request: web.Request) -> web.Response:
        return web.Response(body=told, content_type="text/event-stream")

    application = web.Application()
    application.router.add_get("/{any:.*}", events)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
        code, said = await keeper("dashboard", "--once", "--url", f"http://me:SECRET@127.0.0.1:{unused_tcp_port}/")
    finally:
        await runner.cleanup()

    assert code == 1
    assert f"http://127.0.0.1:{unused_tcp_port}" in said
    assert "SECRET" not in said
    assert "Traceback" not in said


async def test_dashboard__keeper_ends__says_so(tmp_path: Path, unused_tcp_port: int) -> None:
    switch = Switch()
    switch.begin()
    async with dashboard(tmp_path, switch, unused_tcp_port) as served:
        served.block_ended(Chain().block())
        watching = asyncio.create_task(keeper("dashboard", "--url", served.url))
        while not served.viewers and not watching.done():
            await asyncio.sleep(0.05)

    code, told = await watching
    assert code == 1
    assert "has ended" in told or "no keeper answers" in told


async def keeper(*arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "keeper", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, told.decode()
