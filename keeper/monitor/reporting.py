"""
All that tells somebody outside how the keeper does, for as long as it runs: alerts, a sign of life, its own pulse.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp

from keeper.config import Settings
from keeper.errors import ConfigError
from keeper.monitor.alerts import received_by
from keeper.monitor.delivery import Delivery, Heartbeat
from keeper.monitor.metrics import Metrics
from keeper.monitor.pulse import Pulse
from keeper.monitor.sinks import Sink, Slack, Webhook
from keeper.texts import is_url

#: Between two looks for alerts that are to be summed up.
_SECONDS = 1.0


@asynccontextmanager
async def reporting(
    settings: Settings, metrics: Metrics, sender: str, ticked_at: Callable[[], float]
) -> AsyncIterator[None]:
    """
    Deliver alerts, beat and measure until the context ends.

    Args:
        sender: Which keeper this is.
        ticked_at: When its loop last did something, by the steady clock.

    Raises:
        ConfigError: What is to be told is no URL: nobody would ever hear of anything.
    """
    _require_urls(settings)
    async with AsyncExitStack() as entered:
        session = await entered.enter_async_context(aiohttp.ClientSession())
        delivery = Delivery(_sinks(settings, session, sender), metrics, settings.alert_pause_seconds)
        await entered.enter_async_context(delivery)
        entered.enter_context(received_by(delivery.take))
        if settings.heartbeat_url is not None:
            url = settings.heartbeat_url.get_secret_value()
            beat = Heartbeat(session, url, settings.heartbeat_seconds, ticked_at, metrics)
            await entered.enter_async_context(beat)
        await entered.enter_async_context(Pulse(metrics))
        summing = asyncio.create_task(_sum_up(delivery))
        try:
            yield
        finally:
            summing.cancel()
            await asyncio.wait({summing})


def _require_urls(settings: Settings) -> None:
    named = (("slack_url", settings.slack_url), ("heartbeat_url", settings.heartbeat_url))
    for name, url in (*named, *(("webhook_urls", url) for url in settings.webhook_urls)):
        if url is not None and not is_url(url.get_secret_value(), "http", "https"):
            raise ConfigError(f"{name}: it is not the URL of a web server: http:// or https://, a host, and no space")


def _sinks(settings: Settings, session: aiohttp.ClientSession, sender: str) -> list[Sink]:
    slack = [settings.slack_url] if settings.slack_url is not None else []
    return [
        *(Slack(session, url.get_secret_value(), sender) for url in slack),
        *(Webhook(session, url.get_secret_value(), sender) for url in settings.webhook_urls),
    ]


async def _sum_up(delivery: Delivery) -> None:
    while True:
        await asyncio.sleep(_SECONDS)
        delivery.look()
