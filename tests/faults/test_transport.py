import pytest
from soak import faults
from soak.flight import Flight
pytestmark = pytest.mark.asyncio(loop_scope="module")

async def test_a(checked: Flight) -> None:
    with checked.first.inject(faults.status(503)) as rule:
        await rule.hit(1)

async def test_b(checked: Flight) -> None:
    with checked.first.inject(faults.status(503)) as rule:
        await rule.hit(1)
