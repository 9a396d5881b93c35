"""
One localnet with the executor for all who want it, each time as it was at the start.
"""

from collections.abc import Iterator

import pytest

from tests import real_world
from tests.executor_artifact import artifact
from tests.real_world import World

#: For accounts with delegated code, which Arbitrum One has since ArbOS 40. Gas, which others measure, costs less there.
HARDFORK = "prague"


@pytest.fixture(scope="session")
def standing_world() -> Iterator[World]:
    world = real_world.start(artifact(), HARDFORK)
    yield world
    world.net.stop()


@pytest.fixture
def world(standing_world: World) -> Iterator[World]:
    with standing_world.undone():
        yield standing_world
