"""
An embedded Arbitrum One: anvil with the protocols' real bytecode at their real addresses.

    with localnet.start(traders=localnet.TraderSettings(seed=7)) as net:
        net.rpc("eth_blockNumber")
"""

from localnet.instance import Localnet, start
from localnet.rival import RivalSettings
from localnet.traders import TraderSettings

__all__ = ["Localnet", "RivalSettings", "TraderSettings", "start"]
