"""
The dashboard over HTTP: who may look, who may act, what supervisors are told.
"""

import asyncio
import json
import socket
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import ClientResponse, ClientSession

from keeper.errors import ConfigError
from keeper.monitor.dashboard import Dashboard
from keeper.monitor.logs import TAIL, configure_logs
from tests.dashboard_moments import Chain, dashboard
from tests.plain_seat import Switch


@pytest.fixture
def port() -> int:
    """Free a moment ago; the next one is taken if it is not any more."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        found: int = one.getsockname()[1]
    return min(found, 65_000)


@pytest.fixture
def switch() -> Switch:
    switch = Switch()
    switch.begin()
    return switch


@pytest.fixture
async def served(tmp_path: Path, switch: Switch, port: int) -> AsyncIterator[Dashboard]:
    async with dashboard(tmp_path, switch, port) as served:
        yield served


@pytest.fixture
async def client() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


@pytest.fixture
def token(served: Dashboard, tmp_path: Path) -> str:
    return (tmp_path / "dashboard.token").read_text().strip()


def authorized(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def news(response: ClientResponse) -> tuple[str, dict[str, Any]]:
    """The next event of a stream."""
    name = ""
    while line := await response.content.readline():
        if line.startswith(b"event: "):
            name = line[7:].decode().strip()
        elif line.startswith(b"data: "):
            return name, json.loads(line[6:])
    raise EOFError


# -------------------------------------------------------------------- who may look


async def test_page__asked_for__comes_with_a_policy_that_lets_nothing_else_in(
    served: Dashboard, client: ClientSession
) -> None:
    async with client.get(served.url) as page:
        text = await page.text()

    assert page.status == 200
    assert "<title>flashkeeper</title>" in text
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "host", ["127.0.0.1:9", "localhost:1234", "[::1]:80", "10.0.0.7", "keeper.example", "LOCALHOST"]
)
async def test_host__an_address_or_a_known_name__is_answered(
    served: Dashboard, client: ClientSession, host: str
) -> None:
    async with client.get(served.url + "status", headers={"Host": host}) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "a@b", "[::1"]
)
async def test_host__another_name__is_refused(served: Dashboard, client: ClientSession, host: str) -> None:
    for path in ("", "status", "events", "metrics"):
        async with client.get(served.url + path, headers={"Host": host}) as answer:
            assert answer.status in (400, 421)


async def test_unknown_path__is_refused_in_words(served: Dashboard, client: ClientSession) -> None:
    async with client.get(served.url + "nothing") as answer:
        assert (answer.status, await answer.json()) == (404, {"error": "not found"})


# -------------------------------------------------------------------- who may act


@pytest.mark.parametrize("authorization", [None, "", "Bearer ", "Bearer wrong", "Basic eA==", "Bearer \xe9"])
async def test_action__without_the_token__is_refused_and_changes_nothing(
    served: Dashboard, switch: Switch, client: ClientSession, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}

    for action in ("pause", "resume", "halt"):
        async with client.post(served.url + action, headers=headers) as answer:
            assert answer.status == 403
            assert "token is wrong" in (await answer.json())["error"]

    assert switch.status().state == "LIVE"


async def test_action__another_sites_page__is_refused_even_with_the_token(
    served: Dashboard, switch: Switch, client: ClientSession, token: str
) -> None:
    headers = authorized(token) | {"Origin": "http://evil.example"}

    async with client.post(served.url + "pause", headers=headers) as answer:
        assert answer.status == 403

    assert switch.status().state == "LIVE"


async def test_pause_and_resume__with_the_token__switch_and_say_so(
    served: Dashboard, switch: Switch, client: ClientSession, token: str
) -> None:
    own = authorized(token) | {"Origin": served.url.rstrip("/")}

    async with client.post(served.url + "pause", headers=own, json={"reason": "new  release"}) as answer:
        assert await answer.json() == {"state": "DEGRADED", "reasons": {"operator": "new release"}}
    assert not switch.may_send
    async with client.post(served.url + "resume", headers=own) as answer:
        assert (await answer.json())["state"] == "LIVE"
    assert switch.may_send


async def test_halt__with_the_token__is_for_good(
    served: Dashboard, switch: Switch, client: ClientSession, token: str
) -> None:
    async with client.post(served.url + "halt", headers=authorized(token)) as answer:
        assert (await answer.json())["state"] == "HALTED"
    async with client.post(served.url + "resume", headers=authorized(token)) as answer:
        assert (await answer.json())["state"] == "HALTED"


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"reason": 1}', b"\xff"])
async def test_action__malformed_body__is_refused(
    served: Dashboard, switch: Switch, client: ClientSession, token: str, body: bytes
) -> None:
    async with client.post(served.url + "pause", headers=authorized(token), data=body) as answer:
        assert answer.status == 400

    assert switch.may_send


async def test_action__large_body__is_refused(served: Dashboard, client: ClientSession, token: str) -> None:
    async with client.post(served.url + "pause", headers=authorized(token), data=b"x" * 10_000) as answer:
        assert answer.status == 413


async def test_action__by_a_link__does_nothing(served: Dashboard, switch: Switch, client: ClientSession) -> None:
    async with client.get(served.url + "halt") as answer:
        assert answer.status == 405

    assert switch.may_send


def test_token__left_for_the_operator__is_only_his(tmp_path: Path, switch: Switch, port: int) -> None:
    leftover = tmp_path / "dashboard.token"
    leftover.write_text("of a run that was killed")
    leftover.chmod(0o644)

    async def run() -> tuple[int, str, str, str]:
        async with dashboard(tmp_path, switch, port) as served:
            mode = stat.S_IMODE(leftover.stat().st_mode)
            return mode, leftover.read_text().strip(), served.notice(True), served.notice(False)

    mode, token, on_terminal, in_log = asyncio.run(run())

    assert mode == 0o600
    assert len(token) >= 32
    assert token in on_terminal
    assert token not in in_log
    assert not leftover.exists()


# -------------------------------------------------------------------- what is seen


async def test_events__block_ends__is_told_without_being_asked(served: Dashboard, client: ClientSession) -> None:
    chain = Chain()
    async with client.get(served.url + "events") as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        name, first = await news(stream)
        assert (name, first["blocks"]["rows"]) == ("snapshot", [])

        served.block_ended(chain.block())
        name, second = await news(stream)
        while not second["blocks"]["rows"]:
            name, second = await news(stream)

        assert name == "update"
        assert second["head"]["number"] == 100


async def test_events__while_a_block_is_handled__wait(served: Dashboard, client: ClientSession) -> None:
    chain = Chain()
    async with client.get(served.url + "events") as stream:
        await news(stream)
        served.block_ended(chain.block())
        served.block_began()
        waiting = asyncio.create_task(news(stream))
        # What would be due is held back as long as nothing says that the block is over.
        done, _ = await asyncio.wait({waiting}, timeout=0.4)
        assert not done

        served.block_ended(chain.block())

        _, told = await waiting
        assert told["head"]["number"] == 101


async def test_events__paused__is_seen_at_once(served: Dashboard, client: ClientSession, token: str) -> None:
    async with client.get(served.url + "events") as stream:
        await news(stream)
        async with client.post(served.url + "pause", headers=authorized(token)):
            pass
        _, told = await news(stream)
        while told["standing"]["state"] == "LIVE":
            _, told = await news(stream)

    assert told["standing"]["reasons"] == {"operator": "paused from the dashboard"}


async def test_health__block_after_block__is_alive_and_ready(
    served: Dashboard, client: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keeper.monitor.dashboard.dashboard.time.time", lambda: 1_003.0)
    async with client.get(served.url + "readyz") as answer:
        assert (answer.status, await answer.json()) == (503, {"ready": False, "reason": "no block was handled yet"})

    served.block_ended(Chain().block(timestamp=1_000))

    async with client.get(served.url + "readyz") as answer:
        assert (answer.status, await answer.json()) == (200, {"ready": True})
    async with client.get(served.url + "livez") as answer:
        assert (answer.status, await answer.json()) == (200, {"alive": True})


async def test_readyz__old_head_or_paused__says_so(
    served: Dashboard, switch: Switch, client: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keeper.monitor.dashboard.dashboard.time.time", lambda: 1_060.0)
    served.block_ended(Chain().block(timestamp=1_000))
    async with client.get(served.url + "readyz") as answer:
        assert (answer.status, (await answer.json())["reason"]) == (503, "the head is 60 seconds old")

    switch.pause("operator", "lunch")

    async with client.get(served.url + "readyz") as answer:
        assert (answer.status, (await answer.json())["reason"]) == (503, "DEGRADED: lunch")


async def test_livez__loop_stands_still__says_so(
    served: Dashboard, client: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.ticked()
    now = asyncio.get_running_loop().time()
    monkeypatch.setattr("keeper.monitor.dashboard.dashboard.time.monotonic", lambda: now + 60)

    async with client.get(served.url + "livez") as answer:
        assert answer.status == 503
        assert "the loop went round" in (await answer.json())["reason"]


async def test_status__after_a_block__has_exact_numbers(served: Dashboard, client: ClientSession) -> None:
    chain = Chain()
    chain.report.net_profit_wei = 123_456_789_012_345_678_901
    served.block_ended(chain.block())

    async with client.get(served.url + "status") as answer:
        status = await answer.json()

    assert status["state"] == "LIVE"
    assert status["net_profit_wei"] == 123_456_789_012_345_678_901
    assert status["head"]["number"] == 100


async def test_metrics__are_the_seats(served: Dashboard, client: ClientSession) -> None:
    async with client.get(served.url + "metrics") as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert 'arb_state{state="LIVE"} 1' in await answer.text()


# -------------------------------------------------------------------- where


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        yield one.getsockname()[1]


async def test_port__busy__takes_the_next_free_one(tmp_path: Path, switch: Switch, taken: int) -> None:
    async with dashboard(tmp_path, switch, taken) as served:
        assert int(served.url.rstrip("/").rpartition(":")[2]) > taken
        assert served.notice(False).endswith(f"(port {taken} is taken)")


async def test_port__nothing_free__is_told_in_a_sentence(
    tmp_path: Path, switch: Switch, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keeper.monitor.dashboard.dashboard._PORTS", 1)

    with pytest.raises(ConfigError, match="finds no free port from .* choose another dashboard_port, or 0"):
        async with dashboard(tmp_path, switch, taken):
            pass


async def test_host__not_of_this_machine__is_told_in_a_sentence(tmp_path: Path, switch: Switch, port: int) -> None:
    served = dashboard(tmp_path, switch, port)
    served._host = "192.0.2.1"

    with pytest.raises(ConfigError, match="cannot be served at 192.0.2.1"):
        async with served:
            pass


@pytest.fixture
def logged() -> Iterator[int]:
    """How many lines there were before the test, of which nothing is written."""
    configure_logs("critical")
    yield TAIL.count
    structlog.reset_defaults()


async def test_page__what_it_is_made_of_fails__is_told_in_the_log_and_the_keeper_goes_on(
    served: Dashboard, client: ClientSession, logged: int, monkeypatch: pytest.MonkeyPatch
) -> None:

    def fail() -> bytes:
        raise ValueError("a shape that nobody thought of")

    monkeypatch.setattr(served._board, "update", fail)
    task = served._task
    assert task is not None

    served.block_ended(Chain().block())
    await asyncio.wait({task})

    served.block_ended(Chain().block())
    async with client.get(served.url + "livez") as answer:
        assert answer.status == 200
    (line,) = [line for line in TAIL.since(logged) if line["event"] == "dashboard_failed"]
    assert line["text"] == "reason=ValueError: a shape that nobody thought of"
