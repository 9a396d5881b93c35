"""
One localnet and one keeper for each module of faults; all that must hold is checked after each fault.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

import localnet
from keeper.routes.warm import warm
from localnet import Localnet, TraderSettings
from soak.flight import Flight, deploy_executor, flight
from soak.oracles import Footprint, Oracles
from tests.executor_artifact import artifact
from tests.faults.clock import SteppedPolicy
from tests.keeper_process import keeper, net

__all__ = ["keeper", "net"]


@pytest.fixture(scope="module")
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    return SteppedPolicy()


@pytest.fixture(scope="module")
def chain() -> Iterator[Localnet]:
    warm()
    with localnet.start(traders=TraderSettings(seed=11, trades_per_block=3.0)) as net:
        yield net


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def flown(chain: Localnet, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Oracles]:
    """A keeper that earns already, and what must hold of it."""
    directory = tmp_path_factory.mktemp("flight")
    await asyncio.to_thread(deploy_executor, chain, directory, artifact())
    async with flight(chain, directory) as flying:
        await flying.earn(60)
        yield Oracles(flying, Footprint.now())


@pytest_asyncio.fixture(loop_scope="module")
async def checked(flown: Oracles) -> AsyncIterator[Flight]:
    """The keeper for one fault; afterwards it must have come back by itself, with everything in order."""
    yield flown.flight
    await flown.check()
