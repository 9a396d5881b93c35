"""
Uniswap V4, an optional group: its packages are 51 MB.
"""

from localnet.site import Site

_KEY = "(address,address,uint24,int24,address)"
_UNSUBSCRIBE_GAS = 300_000


def place(site: Site) -> None:
    """
    Put up the pool manager, its periphery, the test routers, and two pools without hooks.
    """
    raise NotImplementedError
