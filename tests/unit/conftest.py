"""
The executor's world, built once for the tests of a file; whatever one of them does to it is undone.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.executor_world import World


@pytest.fixture(scope="module")
def made() -> "World":
    # Here, for most tests beside this file need neither the compiler nor a chain.
    from tests.executor_revm import RevmChain
    from tests.executor_world import build

    return build(RevmChain())


@pytest.fixture
def world(made: "World") -> "Iterator[World]":
    from tests.executor_world import undone

    with undone(made) as world:
        yield world
