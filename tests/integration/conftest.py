"""
One localnet with the executor for all who want it, each time as it was at the start.
"""

from collections.abc import Iterator

import pytest

from tests import real_world
from tests.real_world import World


@pytest.fixture(scope="session")
def standing_world() -> Iterator[World]:
    world = real_world.start()
    yield world
    world.net.stop()


@pytest.fixture
def world(standing_world: World) -> Iterator[World]:
    with standing_world.undone():
        yield standing_world
