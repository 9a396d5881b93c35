"""
What stands on a generated chain: written next to its genesis, read by traders and tests.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Pool:
    """
    A pool.

    Attributes:
        dex: "uniswap_v3", "sushi_v2", ...
        family: Which mathematics it has: "uniswap_v2", "uniswap_v3", "uniswap_v4", "curve_stableswap",
            "balancer_weighted", "balancer_stable", "balancer_v3_weighted", or "crypto_stand_in".
        tokens: Symbols, in the pool's own order; "ETH" is no token, but ether itself.
        depth: Dollars of each token at genesis (of all tokens for weighted pools).
        pool_id: Balancer's or Uniswap V4's identifier.
        tick_spacing: Of Uniswap V4, whose key contains it.
    """

    dex: str
    family: str
    address: str
    tokens: tuple[str, ...]
    fee_pips: int
    depth: int
    pool_id: str | None = None
    tick_spacing: int | None = None

    @property
    def name(self) -> str:
        """``uniswap_v3 WETH/USDC 500``"""
        return f"{self.dex} {'/'.join(self.tokens)} {self.fee_pips}"


@dataclass(frozen=True, slots=True)
class PlacedToken:
    """A token, and what it was worth at genesis in US cents."""

    address: str
    decimals: int
    price_cents: int


@dataclass(frozen=True, slots=True)
class Layout:
    """
    Attributes:
        tokens: By symbol.
        untraded: Pools that noise traders leave alone: those of ether itself, and those with a stand-in's mathematics.
        contracts: Every address of localnet/addresses.py, by its name there in lower case.
        traders: DEX -> the accounts that trade on it and have approved its router.
    """

    tokens: Mapping[str, PlacedToken]
    pools: tuple[Pool, ...]
    contracts: Mapping[str, str]
    traders: Mapping[str, tuple[str, ...]]
    untraded: tuple[Pool, ...] = ()

    def pool(self, name: str) -> Pool:
        """Return the pool that is called *name*, traded or not."""
        return next(pool for pool in (*self.pools, *self.untraded) if pool.name == name)

    def on(self, dex: str) -> tuple[Pool, ...]:
        """Return the traded pools of *dex*."""
        return tuple(pool for pool in self.pools if pool.dex == dex)

    def write(self, path: Path) -> None:
        """Write the layout as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1))


def read(path: Path) -> Layout:
    """
    Return the layout in the file at *path*.
    """
    content: dict[str, Any] = json.loads(path.read_text())
    return Layout(
        tokens={symbol: PlacedToken(**token) for symbol, token in content["tokens"].items()},
        pools=_pools(content["pools"]),
        contracts=content["contracts"],
        traders={dex: tuple(accounts) for dex, accounts in content["traders"].items()},
        untraded=_pools(content["untraded"]),
    )


def _pools(entries: list[dict[str, Any]]) -> tuple[Pool, ...]:
    return tuple(Pool(**{**entry, "tokens": tuple(entry["tokens"])}) for entry in entries)
