"""
The generated chain: built once from its inputs, kept as a genesis file that anvil starts from.
"""

import fcntl
import gzip
import hashlib
import json
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from localnet import addresses, artifacts, compiler, layout, node, solidity
from localnet.accounts import OWNER
from localnet.chain import Chain
from localnet.layout import Layout, PlacedToken
from localnet.paths import CACHE, PACKAGE
from localnet.protocols import (
    aave_v3,
    balancer_v2,
    balancer_v3,
    curve,
    morpho,
    pancake_v3,
    system,
    tokens,
    traders,
    uniswap_v2,
    uniswap_v3,
    uniswap_v4,
)
from localnet.rpc import Rpc
from localnet.site import Site
from localnet.universe import TOKENS

#: The clock of every build (15 June 2025): what contracts note of time is in the past when a localnet starts.
BUILD_TIMESTAMP = 1_750_000_000

_OWNER_WEI = 10**30
_ACCOUNT_WEI = 10**22

_PROTOCOLS: tuple[ModuleType, ...] = (
    system, tokens, uniswap_v3, uniswap_v2, pancake_v3, balancer_v2, curve, aave_v3,
)  # fmt: skip
_OPTIONAL = {"balancer-v3": balancer_v3, "morpho": morpho, "v4": uniswap_v4}


class Genesis:
    """
    A generated chain in the cache.

    Attributes:
        path: The genesis file, without a timestamp of its own: every start gives it the current one.
        layout: What stands on it.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "genesis.json"
        self.layout: Layout = layout.read(folder / "layout.json")


def build(groups: Iterable[str] = ()) -> Genesis:
    """
    Return the chain for the present inputs, out of the cache or generated now.

    Args:
        groups: Optional protocols, see pins.GROUPS.
    """
    chosen = tuple(sorted(set(groups)))
    folder = CACHE / _key(chosen)
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with _one_at_a_time():
            if not folder.exists():
                _build_into(folder, chosen)
    return Genesis(folder)


def generate(groups: Iterable[str] = ()) -> tuple[dict[str, Any], Layout]:
    """
    Return the accounts of a newly generated chain, and what stands on it.
    """
    clock = ("--timestamp", str(BUILD_TIMESTAMP), "--auto-impersonate", "--prune-history", "--order", "fifo")
    free = ("--block-base-fee-per-gas", "0", "--gas-price", "0")
    running = node.start(0, [*clock, *free], CACHE / "build.log")
    try:
        with closing(Rpc(running.url)) as rpc:
            return _construct(rpc, groups)
    finally:
        running.stop()


def _construct(rpc: Rpc, groups: Iterable[str]) -> tuple[dict[str, Any], Layout]:
    # Blocks one second apart, whatever the machine's speed: two builds give the same storage.
    rpc("anvil_setBlockTimestampInterval", 1)
    rpc("anvil_setBalance", OWNER, hex(_OWNER_WEI))
    site = Site(Chain(rpc, OWNER))
    for protocol in (*_PROTOCOLS, *(_OPTIONAL[group] for group in groups)):
        protocol.place(site)
    accounts = traders.place(site)
    rpc("anvil_setBalance", OWNER, hex(_ACCOUNT_WEI))
    return _accounts(rpc), _layout(site, accounts)


def _build_into(folder: Path, groups: tuple[str, ...]) -> None:
    with ThreadPoolExecutor() as pool:
        for job in [pool.submit(_provide, groups), pool.submit(compiler.compile_all)]:
            job.result()
    alloc, placed = generate(groups)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="tmp-") as name:
        scratch = Path(name) / folder.name
        scratch.mkdir()
        (scratch / "genesis.json").write_text(json.dumps(_header() | {"alloc": alloc}))
        placed.write(scratch / "layout.json")
        scratch.rename(folder)


def _provide(groups: tuple[str, ...]) -> None:
    artifacts.fetch(groups)
    solidity.compile_all(groups)


def _key(groups: tuple[str, ...]) -> str:
    """
    Return the name of everything that decides what is generated: our sources and pins, the compiler, the groups.
    """
    digest = hashlib.sha256(repr((groups, version("vyper"), version("eth-ape"))).encode())
    for path in sorted(path for path in PACKAGE.rglob("*") if path.suffix in (".py", ".vy", ".toml", ".js")):
        digest.update(str(path.relative_to(PACKAGE)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _accounts(rpc: Rpc) -> dict[str, Any]:
    """
    Return every account of the chain in the form of a genesis file, in a fixed order.
    """
    dump = json.loads(gzip.decompress(bytes.fromhex(rpc("anvil_dumpState")[2:])))
    return {address: _account(dump["accounts"][address]) for address in sorted(dump["accounts"])}


def _account(account: dict[str, Any]) -> dict[str, Any]:
    nonce = account["nonce"]
    entry = {"balance": account["balance"], "nonce": hex(nonce) if isinstance(nonce, int) else nonce}
    if account.get("code", "0x") != "0x":
        entry["code"] = account["code"]
    if account.get("storage"):
        entry["storage"] = {_word(slot): _word(value) for slot, value in sorted(account["storage"].items())}
    return entry


def _word(value: str) -> str:
    return "0x" + value[2:].rjust(64, "0")


def _header() -> dict[str, Any]:
    early = ["homestead", "eip150", "eip155", "eip158", "byzantium", "constantinople"]
    config = {f"{fork}Block": 0 for fork in (*early, "petersburg", "istanbul", "berlin", "london")}
    config |= {"chainId": node.CHAIN_ID, "terminalTotalDifficulty": 0, "shanghaiTime": 0, "cancunTime": 0}
    return {
        "config": config,
        "nonce": "0x0",
        "extraData": "0x",
        "gasLimit": hex(node.GAS_LIMIT),
        "difficulty": "0x0",
        "mixHash": "0x" + "00" * 32,
        "baseFeePerGas": hex(node.BASE_FEE_WEI),
    }


def _layout(site: Site, accounts: dict[str, tuple[str, ...]]) -> Layout:
    constants = {
        name.lower(): value for name, value in vars(addresses).items() if name.isupper() and isinstance(value, str)
    }
    placed = {token.symbol: PlacedToken(token.address, token.decimals, token.price_cents) for token in TOKENS.values()}
    return Layout(placed, tuple(site.pools), constants, accounts, tuple(site.untraded))
