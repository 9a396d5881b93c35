"""
What factories logged when they made the pools: a genesis has state and no logs, but some pools are found by logs alone.

So each of those factories says it again in the chain's first block, from its own address: for the length of that block
it has code that logs what it is told.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from localnet import addresses
from localnet.abi import Function
from localnet.accounts import named
from localnet.layout import Layout, Pool
from localnet.rpc import Rpc

#: 64 bytes of calldata are two topics; of more, the first 128 are four topics, and the rest is data.
_ECHO = "0x36604014601e576060356040356020355f35608036038060805f375fa4005b6020355f355f5fa200"
_TELL = Function("aggregate3", ("(address,bool,bytes)[]",), ())
_GAS = 5_000_000
_ENOUGH_WEI = 10**18

_POOL_CREATED = keccak(text="PoolCreated(address)")
_INITIALIZE = keccak(text="Initialize(bytes32,address,address,uint24,int24,address,uint160,int24)")

#: Who made the pools of a family.
_FACTORIES = {
    "balancer_weighted": addresses.BALANCER_WEIGHTED_FACTORY,
    "balancer_stable": addresses.BALANCER_STABLE_FACTORY,
    "balancer_v3_weighted": addresses.BALANCER_V3_WEIGHTED_FACTORY,
}


@dataclass(frozen=True, slots=True)
class Announcement:
    """A log: its emitter, and its topics and data one after the other."""

    emitter: str
    content: bytes


def announcements(layout: Layout) -> Iterator[Announcement]:
    """
    Yield what the factories of these pools logged of them.
    """
    for pool in (*layout.pools, *layout.untraded):
        if pool.family in _FACTORIES:
            topics = _POOL_CREATED + bytes.fromhex(pool.address[2:]).rjust(32, b"\0")
            yield Announcement(_FACTORIES[pool.family], topics)
        elif pool.family == "uniswap_v4":
            yield Announcement(addresses.UNISWAP_V4_POOL_MANAGER, _initialize(pool, layout))


def tell(rpc: Rpc, layout: Layout) -> list[tuple[str, str]]:
    """
    Send what the factories say, to be in the next block, and return each factory's own code, which ``restore`` gives
    back after it.
    """
    told = list(announcements(layout))
    emitters = sorted({announcement.emitter for announcement in told})
    own = [(emitter, rpc("eth_getCode", emitter, "latest")) for emitter in emitters]
    for emitter in emitters:
        rpc("anvil_setCode", emitter, _ECHO)
    teller = named("teller")
    rpc("anvil_setBalance", teller.address, hex(_ENOUGH_WEI))
    rpc("anvil_impersonateAccount", teller.address)
    data = _TELL.calldata([(announcement.emitter, False, announcement.content) for announcement in told])
    request = {"from": teller.address, "to": addresses.MULTICALL3, "data": "0x" + data.hex(), "gas": hex(_GAS)}
    rpc("eth_sendTransaction", request)
    return own


def restore(rpc: Rpc, own: list[tuple[str, str]]) -> None:
    """
    Give the factories their own code back.
    """
    for emitter, code in own:
        rpc("anvil_setCode", emitter, code)
    teller = named("teller")
    rpc("anvil_stopImpersonatingAccount", teller.address)
    rpc("anvil_setBalance", teller.address, "0x0")


def _initialize(pool: Pool, layout: Layout) -> bytes:
    currencies = [addresses.ZERO if symbol == "ETH" else layout.tokens[symbol].address for symbol in pool.tokens]
    topics = encode(["bytes32", "address", "address"], [bytes.fromhex(str(pool.pool_id)[2:]), *currencies])
    # The first price and its tick do not matter to who looks for pools.
    data = encode(
        ["uint24", "int24", "address", "uint160", "int24"],
        [pool.fee_pips, pool.tick_spacing, addresses.ZERO, 1 << 96, 0],
    )
    return _INITIALIZE + topics + data
