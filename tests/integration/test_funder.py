"""
A top-up on a real node: it arrives, once, and the next one waits for the day's cap.
"""

from pathlib import Path

import localnet
from keeper.chain.rpc import Rpc
from keeper.config import load_settings
from keeper.execution.funder import Funder, TopUp
from keeper.types import Address
from localnet import accounts


async def test_top_up__arrives_once_and_is_capped(tmp_path: Path) -> None:
    operator = Address("0x" + "0a" * 20)
    with localnet.start() as net:
        settings = load_settings(rpc_url=net.url, state_dir=tmp_path, topup_wei=10**16, topup_daily_wei=15 * 10**15)
        async with Rpc(net.url) as rpc:
            funder = Funder(rpc, accounts.public(5), 42161, frozenset({operator}), settings)
            base_fee_wei = int(net.rpc("eth_getBlockByNumber", "latest", False)["baseFeePerGas"], 16)

            assert await funder.top_up(operator, base_fee_wei) is TopUp.SENT
            while (result := await funder.top_up(operator, base_fee_wei)) is TopUp.WAITS:
                pass

            assert result is TopUp.CAPPED
            assert int(await rpc("eth_getBalance", operator, "latest"), 16) == 10**16
