"""
Alerts on their way to a receiver that works, fails, limits and hangs; and the sign of life.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import aiohttp
import pytest
import structlog

from keeper.monitor.alerts import Alert, Severity, alert, received_by
from keeper.monitor.delivery import Delivery, Heartbeat
from keeper.monitor.metrics import Metrics
from keeper.monitor.sinks import NotDelivered, Slack, Webhook, _seconds
from localnet.node import free_port
from tests.receiver import Receiver, receiving

PAGE = Alert(Severity.PAGE, "loss_hour", "0.03 ETH were lost within an hour")
TICKET = Alert(Severity.TICKET, "quarantine", "pool 0xaa is not traded for a while")


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def counted(metrics: Metrics, outcome: str) -> float:
    """How many alerts came to this, over all receivers."""
    (family,) = metrics.alerts.collect()
    return sum(
        sample.value
        for sample in family.samples
        if sample.labels.get("outcome") == outcome and sample.name.endswith("_total")
    )


def test_alert__is_logged_and_handed_on_while_somebody_listens() -> None:
    heard: list[Alert] = []

    with structlog.testing.capture_logs() as logs, received_by(heard.append):
        alert(PAGE.severity, PAGE.name, PAGE.text)
    alert(TICKET.severity, TICKET.name, TICKET.text)

    assert heard == [PAGE]
    (line,) = logs
    assert (line["log_level"], line["name"], line["severity"]) == ("error", "loss_hour", "page")


async def test_webhook__gets_all_there_is_to_know(
    receiver: Receiver, session: aiohttp.ClientSession, metrics: Metrics
) -> None:
    async with Delivery([Webhook(session, receiver.url, "executor 0x0b")], metrics, 60) as delivery:
        delivery.take(PAGE)

    (taken,) = receiver.taken
    assert taken.pop("at")
    assert taken == {"severity": "page", "name": PAGE.name, "text": PAGE.text, "sender": "executor 0x0b"}
    assert counted(metrics, "sent") == 1


async def test_slack__gets_a_text_without_markup_or_secrets(
    receiver: Receiver, session: aiohttp.ClientSession, metrics: Metrics
) -> None:
    text = "<!channel> node https://arb.example.com/v2/KEY is down & out"
    async with Delivery([Slack(session, receiver.url, "keeper")], metrics, 60) as delivery:
        delivery.take(Alert(Severity.TICKET, "node_down", text))

    (taken,) = receiver.taken
    assert taken == {
        "text": ":warning: *node_down* (keeper): &lt;!channel&gt; node https://arb.example.com/... is down &amp; out"
    }


async def test_receiver__fails__is_asked_again(
    receiver: Receiver, session: aiohttp.ClientSession, metrics: Metrics
) -> None:
    receiver.answers = [500, 503]

    async with Delivery([Webhook(session, receiver.url, "k")], metrics, 60, back_off_seconds=0.001) as delivery:
        delivery.take(PAGE)
        await receiver.until(asked=3)

    assert len(receiver.taken) == 1
    assert (counted(metrics, "sent"), counted(metrics, "failed")) == (1, 0)


async def test_receiver__fails_every_time__is_given_up_and_counted(
    receiver: Receiver, session: aiohttp.ClientSession, metrics: Metrics
) -> None:
    receiver.answers = [500] * 4

    async with Delivery([Webhook(session, receiver.url, "k")], metrics, 60, back_off_seconds=0.001) as delivery:
        delivery.take(PAGE)
        delivery.take(TICKET)

    assert [taken["name"] for taken in receiver.taken] == [TICKET.name]
    assert (counted(metrics, "sent"), counted(metrics, "failed")) == (1, 1)


async def test_receiver__refuses_for_good__is_not_asked_again(
    receiver: Receiver, session: aiohttp.ClientSession, metrics: Metrics
) -> None:
    receiver.answers = [404]

    async with Delivery([Webhook(session, receiver.url, "k")], metrics, 60) as delivery:
        delivery.take(PAGE)

    assert receiver.asked == 1
    assert counted(metrics, "failed") == 1


async def test_receiver__wants_fewer_requests__is_left_alone_for_as_long_as_it_says(
    receiver: Receiver, session: aiohttp.ClientSession, metrics: Metrics
) -> None:
    receiver.answers = [(429, {"Retry-After": "0.3"})]
    loop = asyncio.get_running_loop()

    async with Delivery([Webhook(session, receiver.url, "k")], metrics, 60, back_off_seconds=0.001) as delivery:
        delivery.take(PAGE)
        await receiver.until(asked=1)
        limited_at = loop.time()
        await receiver.until(asked=2)

    assert loop.time() - limited_at >= 0.29
    assert len(receiver.taken) == 1


class Broken:
    """Fails once, in a way that nobody thought of."""

    name = "broken"

    def __init__(self) -> None:
        self.asked = 0

    async def deliver(self, _alert: Alert) -> None:
        self.asked += 1
        if self.asked == 1:
            raise RuntimeError("nobody thought of this")


async def test_receiver__fails_as_nobody_thought_of__gets_the_next_alert(metrics: Metrics) -> None:
    broken = Broken()

    async with Delivery([broken], metrics, 60) as delivery:
        delivery.take(PAGE)
        delivery.take(replace(PAGE, name="another"))

    assert broken.asked == 2
    assert (counted(metrics, "failed"), counted(metrics, "sent")) == (1, 1)


async def test_receiver__hangs__holds_up_neither_the_keeper_nor_the_others(
    receiver: Receiver, session: aiohttp.ClientSession, metrics: Metrics
) -> None:
    async with receiving() as slow:
        slow.answers = ["hang"] * 4
        sinks = [Webhook(session, slow.url, "k"), Webhook(session, receiver.url, "k")]
        async with Delivery(sinks, metrics, 60, drain_seconds=0.05) as delivery:
            delivery.take(PAGE)
            await slow.hanging.wait()
            delivery.take(TICKET)
            await receiver.until(asked=2)
            assert slow.asked == 1

    assert [taken["name"] for taken in receiver.taken] == [PAGE.name, TICKET.name]


async def test_receiver__hangs__is_given_up_in_time(receiver: Receiver, session: aiohttp.ClientSession) -> None:
    receiver.answers = ["hang"]

    with pytest.raises(NotDelivered, match="it timed out"):
        await Webhook(session, receiver.url, "k", timeout=0.05).deliver(PAGE)


async def test_receiver__out_of_reach__is_told_without_its_secret(session: aiohttp.ClientSession) -> None:
    sink = Webhook(session, f"http://127.0.0.1:{free_port()}/services/SECRET", "k")

    with pytest.raises(NotDelivered) as failure:
        await sink.deliver(PAGE)

    assert "SECRET" not in str(failure.value) + sink.name
    assert not failure.value.final


async def test_receiver__backlog_is_full__gives_up_tickets_for_pages(metrics: Metrics) -> None:
    class Stuck:
        name = "stuck"

        async def deliver(self, _: Alert) -> None:
            await asyncio.Event().wait()

    async with Delivery([Stuck()], metrics, 60, drain_seconds=0.01) as delivery:
        for number in range(150):
            delivery.take(Alert(Severity.TICKET, f"ticket {number}", "x"))
        delivery.take(PAGE)
        ((_, queue),) = delivery._queues
        waiting = [queue.get_nowait() for _ in range(queue.qsize())]
        for item in waiting:
            queue.put_nowait(item)

    assert waiting[-1] == PAGE
    assert len(waiting) == 100
    assert counted(metrics, "dropped") == 50 + 1 + 100


async def test_alerts_of_one_name__are_counted_and_summed_up(
    receiver: Receiver, session: aiohttp.ClientSession, metrics: Metrics
) -> None:
    now = [0.0]
    sink = Webhook(session, receiver.url, "k")
    async with Delivery([sink], metrics, 60, clock=lambda: now[0]) as delivery:
        for number in range(5):
            delivery.take(Alert(Severity.TICKET, "quarantine", f"pool {number}"))
        delivery.take(PAGE)
        delivery.look()
        now[0] = 60.0
        delivery.look()
        delivery.take(Alert(Severity.TICKET, "quarantine", "pool 5"))
        now[0] = 130.0
        delivery.look()
        delivery.take(Alert(Severity.TICKET, "quarantine", "pool 6"))

    assert [(taken["name"], taken["text"]) for taken in receiver.taken] == [
        ("quarantine", "pool 0"),
        (PAGE.name, PAGE.text),
        ("quarantine", "4 times more, the last: pool 4"),
        ("quarantine", "once more, the last: pool 5"),
        ("quarantine", "once more, the last: pool 6"),
    ]
    assert counted(metrics, "suppressed") == 6


async def test_delivery__ends__says_what_it_had_only_counted(
    receiver: Receiver, session: aiohttp.ClientSession, metrics: Metrics
) -> None:
    async with Delivery([Webhook(session, receiver.url, "k")], metrics, 60) as delivery:
        delivery.take(PAGE)
        delivery.take(PAGE)

    assert [taken["text"] for taken in receiver.taken] == [PAGE.text, f"once more, the last: {PAGE.text}"]


def test_retry_after__number_date_or_nonsense() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)

    assert _seconds("7") == 7.0
    assert 25 < (_seconds(soon) or 0) <= 30
    assert _seconds("-3") == 0.0
    assert _seconds("soon") is None
    assert _seconds("nan") is None
    assert _seconds("Fri, 01 Jan 99999999999999999999 00:00:00 GMT") is None
    assert _seconds(None) is None


async def test_heartbeat__loop_ticks__asks_and_loop_hangs__withholds(
    receiver: Receiver, session: aiohttp.ClientSession, metrics: Metrics
) -> None:
    now = [100.0]
    heartbeat = Heartbeat(session, receiver.url, 30, lambda: 98.0, metrics, clock=lambda: now[0])

    await heartbeat.beat()
    now[0] = 103.1
    await heartbeat.beat()

    assert receiver.taken == ["GET"]
    assert b'arb_heartbeats_total{outcome="sent"} 1.0' in metrics.render()
    assert b'arb_heartbeats_total{outcome="withheld"} 1.0' in metrics.render()


async def test_heartbeat__receiver_fails__goes_on(
    receiver: Receiver, session: aiohttp.ClientSession, metrics: Metrics
) -> None:
    receiver.answers = [500]
    loop = asyncio.get_running_loop()

    async with Heartbeat(session, receiver.url, 0.01, loop.time, metrics, clock=loop.time):
        await receiver.until(asked=3)

    assert len(receiver.taken) >= 1
    assert b'arb_heartbeats_total{outcome="failed"} 1.0' in metrics.render()
