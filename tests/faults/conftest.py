"""
One localnet and one keeper for each module of faults; all that must hold is checked after each fault.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

import localnet
from keeper.routes.warm import warm
from localnet import Localnet, TraderSettings
from soak.flight import Flight, deploy_executor, flight
from soak.oracles import Footprint, Oracles
from soak.proxy import FaultProxy
from tests.clock import SteppedPolicy
from tests.executor_artifact import artifact
from tests.faults.pace import Pacer
from tests.keeper_process import KeeperProcess, prepared


@pytest.fixture
def net() -> Iterator[Localnet]:
    with localnet.start(traders=TraderSettings(seed=11)) as net:
        yield net


@pytest.fixture
def keeper(net: Localnet, tmp_path: Path) -> KeeperProcess:
    """Starts keepers that are processes of their own."""
    return prepared(net, tmp_path)


@pytest.fixture(scope="module")
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    return SteppedPolicy()


@pytest.fixture(scope="module")
def chain() -> Iterator[Localnet]:
    warm()
    with localnet.start(sequencer=False, traders=TraderSettings(seed=11, trades_per_block=3.0)) as net:
        yield net


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pacer(chain: Localnet) -> Pacer:
    return Pacer(chain)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def flown(
    request: pytest.FixtureRequest, chain: Localnet, pacer: Pacer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Oracles]:
    """A keeper that earns already, and what must hold of it; a module's OPTIONS are settings of its own."""
    directory = tmp_path_factory.mktemp("flight")
    chain.rpc("anvil_setAutomine", True)  # deployment waits for its transaction, and nobody mines yet
    deploy_executor(chain, directory, artifact())
    chain.rpc("anvil_setAutomine", False)
    pacer.mine(4)
    async with flight(chain, directory, **getattr(request.module, "OPTIONS", {})) as flying:
        mining = asyncio.create_task(pacer.run(flying))
        await flying.earn()
        yield Oracles(flying, Footprint.now())
        await flying.stop()
        mining.cancel()
        await asyncio.wait({mining})


@pytest_asyncio.fixture(loop_scope="module")
async def checked(flown: Oracles) -> AsyncIterator[Flight]:
    """The keeper for one fault; afterwards it must have come back by itself, with everything in order."""
    flying = flown.flight
    if flying.task is not None and flying.task.done():
        await flying.kill()
        await flying.start()
        await flying.earn()
    flying.forgive()
    yield flying
    await flown.check()


@pytest_asyncio.fixture(loop_scope="module")
async def alone(chain: Localnet) -> AsyncIterator[FaultProxy]:
    """A node of nobody's yet."""
    proxy = await FaultProxy(chain.url).start()
    yield proxy
    await proxy.stop()
