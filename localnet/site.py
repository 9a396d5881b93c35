"""
The building site: the chain under construction, and what has been put up so far.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eth_utils.address import to_checksum_address

from localnet import artifacts, compiler
from localnet.abi import Abi
from localnet.chain import Chain, Contract
from localnet.layout import Pool
from localnet.universe import TOKENS, Token

UNLIMITED = 2**256 - 1
#: Every deadline in a build; the chain's clock starts in 2025.
FAR_FUTURE = 2**40


@dataclass(slots=True)
class Site:
    """
    What every protocol's module is handed to put itself up.

    Attributes:
        pools: What the layout file will list; each module adds its own.
        untraded: The same, of those that noise traders leave alone.
        spenders: DEX -> the contracts that its traders must approve.
    """

    chain: Chain
    tokens: dict[str, Contract] = field(default_factory=dict)
    pools: list[Pool] = field(default_factory=list)
    untraded: list[Pool] = field(default_factory=list)
    spenders: dict[str, list[str]] = field(default_factory=dict)

    def place(
        self, address: str, artifact: str, arguments: bytes = b"", libraries: Mapping[str, str] | None = None
    ) -> Contract:
        """Run the real constructor of *artifact* at *address*."""
        found = artifacts.load(artifact)
        return self.at(self.chain.place(address, found.linked(libraries or {}) + arguments), found.abi)

    def create(self, artifact: str, arguments: bytes = b"", libraries: Mapping[str, str] | None = None) -> str:
        """Deploy *artifact* wherever it comes to stand."""
        return self.chain.create(artifacts.load(artifact).linked(libraries or {}) + arguments)

    def place_own(self, address: str, name: str, arguments: bytes = b"", **constants: int) -> Contract:
        """Run the constructor of a stand-in at *address*."""
        found = compiler.compiled(name, **constants)
        return self.at(self.chain.place(address, found.creation + arguments), found.abi)

    def own(self, address: str, name: str) -> Contract:
        """Return the stand-in *name* at *address*."""
        return self.at(address, compiler.compiled(name).abi)

    def at(self, address: str, abi: Abi | str) -> Contract:
        """Return the contract at *address*; its ABI may be named by its artifact."""
        return Contract(self.chain, address, artifacts.load(abi).abi if isinstance(abi, str) else abi)

    def approve(self, spender: str, *symbols: str) -> None:
        """Let *spender* take any amount of these tokens (or of all) from the owner."""
        with self.chain.together():
            for symbol in symbols or TOKENS:
                self.tokens[symbol].send("approve", spender, UNLIMITED)

    def add_pool(
        self,
        dex: str,
        family: str,
        address: str,
        tokens: list[Token],
        fee_pips: int,
        depth: int,
        *,
        traded: bool = True,
        **extra: Any,
    ) -> None:
        """Record a pool for the layout file."""
        symbols = tuple(token.symbol for token in tokens)
        pool = Pool(dex, family, to_checksum_address(address), symbols, fee_pips, depth, **extra)
        (self.pools if traded else self.untraded).append(pool)
