"""
Exact models of pools: one module per DEX family. They do no I/O and do not know each other.
"""

from keeper.pools.balancer_stable import BalancerStablePool
from keeper.pools.balancer_v3_stable import BalancerV3StablePool
from keeper.pools.balancer_v3_weighted import BalancerV3WeightedPool
from keeper.pools.balancer_weighted import BalancerWeightedPool
from keeper.pools.camelot_v2 import CamelotV2Pool
from keeper.pools.camelot_v3 import CamelotV3Pool
from keeper.pools.curve_cryptoswap import CurveCryptoSwapPool
from keeper.pools.curve_stableswap import CurveStableSwapPool
from keeper.pools.curve_stableswap_ng import CurveStableSwapNGPool
from keeper.pools.pool import Pool
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.pools.uniswap_v3 import UniswapV3Pool
from keeper.pools.uniswap_v4 import UniswapV4Pool

#: The model of each family.
FAMILIES: dict[str, type[Pool]] = {
    "uniswap_v2": UniswapV2Pool,
    "uniswap_v3": UniswapV3Pool,
    "uniswap_v4": UniswapV4Pool,
    "camelot_v2": CamelotV2Pool,
    "camelot_v3": CamelotV3Pool,
    "curve_stableswap": CurveStableSwapPool,
    "curve_stableswap_ng": CurveStableSwapNGPool,
    "curve_cryptoswap": CurveCryptoSwapPool,
    "balancer_weighted": BalancerWeightedPool,
    "balancer_stable": BalancerStablePool,
    "balancer_v3_weighted": BalancerV3WeightedPool,
    "balancer_v3_stable": BalancerV3StablePool,
}
