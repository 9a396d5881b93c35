"""
A running localnet, and how one is started.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from localnet import addresses, announcements, genesis, node, precompiles, production
from localnet.auction import ROUNDS, Auction
from localnet.errors import NodeError
from localnet.layout import Layout
from localnet.node import Node
from localnet.rival import Rival, RivalSettings
from localnet.rpc import Rpc
from localnet.sequencer import Sequencer, mine
from localnet.traders import Traders, TraderSettings

BLOCK_SECONDS = 0.25
#: States that stay readable, as on a Nitro node with default settings.
_HISTORY_BLOCKS = 128
#: Blocks whose transactions and logs stay: an hour's. Memory would grow by 600 MB an hour without end.
_TRANSACTION_BLOCKS = 14_400


@dataclass(slots=True)
class Localnet:
    """
    A running localnet; as a context manager it ends itself.

    Attributes:
        url: HTTP endpoint.
        ws_url: WebSocket endpoint.
        genesis_hash: Hash of block 0, which differs from start to start.
        layout: What stands on it.
        rpc: ``net.rpc("eth_blockNumber")``, always anvil itself; for the thread that started the localnet.
        sequencer: None when blocks are mined by hand.
        traders: None without traders; with no sequencer they act by ``net.traders.step()``.
        rival: None without a rival; with no sequencer he acts by ``net.rival.step()``.
    """

    url: str
    ws_url: str
    genesis_hash: str
    layout: Layout
    rpc: Rpc
    sequencer: Sequencer | None
    traders: Traders | None
    rival: Rival | None
    _auction: Auction | None
    _node: Node
    _shim: production.Shim | None
    _scratch: Path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Process id of anvil."""
        return self._node.pid

    @property
    def running(self) -> bool:
        """Whether the node, and its sequencer where there is one, are alive."""
        return self._node.process.poll() is None and (self.sequencer is None or self.sequencer.running)

    def mine(self, blocks: int = 1) -> None:
        """Mine *blocks* blocks at the fee floor; with an auction, what waits for one of them is one round."""
        for _ in range(blocks):
            if self._auction is not None:
                self._auction.close_round()
                self._auction.arrange()
            mine(self.rpc)

    def reorganise(self, blocks: int) -> None:
        """Take the last *blocks* blocks back and put as many others there, which are empty."""
        self.rpc("anvil_reorg", blocks, [])
        if self.traders is not None:
            self.traders.recount()

    def settle(self) -> None:
        """End traders, rival and sequencer: the chain stays as it is, and what was recorded of it stays readable."""
        for busy in (self.rival, self.traders, self.sequencer):
            if busy is not None:
                busy.stop()

    def deal(self, symbol: str, to: str, amount: int) -> None:
        """Set the token balance of *to* to *amount* of the smallest units, at once and without a transaction."""
        self.rpc("anvil_dealERC20", to, self.layout.tokens[symbol].address, hex(amount))

    def set_l1_price(self, price_per_unit_wei: int) -> None:
        """Set the price of a unit of L1 data."""
        precompiles.set_l1_price(self.rpc, price_per_unit_wei, self._places)

    def set_collect_tips(self, collect: bool) -> None:
        """Set whether ArbOwnerPublic says that tips are collected; the order of transactions stays as it is."""
        precompiles.set_collect_tips(self.rpc, collect, self._places)

    @property
    def _places(self) -> Mapping[str, str]:
        return precompiles.VISIBLE if self._shim is None else precompiles.HIDDEN

    def _begin(self) -> None:
        if self.sequencer is not None:
            self.sequencer.start()
            if self.traders is not None:
                self.traders.start()
            if self.rival is not None:
                self.rival.start()

    def stop(self) -> None:
        """End everything and wait until it is gone."""
        self.settle()
        if self._shim is not None:
            self._shim.stop()
        self.rpc.close()
        self._node.stop()
        shutil.rmtree(self._scratch, ignore_errors=True)


def start(
    port: int = 0,
    *,
    sequencer: bool = True,
    automine: bool = False,
    block_seconds: float = BLOCK_SECONDS,
    traders: TraderSettings | None = None,
    order: Literal["arrival", "fees"] = "arrival",
    rounds: int = ROUNDS,
    rival: RivalSettings | bool = False,
    like_production: bool = False,
    groups: Iterable[str] = (),
    hardfork: str = node.HARDFORK,
    archive: bool = False,
) -> Localnet:
    """
    Start a localnet, generating its chain first where needed, and return when it answers.

    Args:
        port: 0 chooses a free one.
        sequencer: False leaves mining to the caller.
        automine: Mine when a transaction waits instead of every *block_seconds*.
        traders: Settings of the noise traders; None for a silent market.
        order: Of the transactions in a block. "fees" is the priority gas auction, see auction.py, and lets
            ArbOwnerPublic say that tips are collected.
        rounds: Of the auction in a block.
        rival: Somebody who competes for arbitrage; True for one with the default settings.
        like_production: Put the face of a Nitro node in front, see production.py.
        groups: Optional protocols, see pins.GROUPS.
        hardfork: Whose rules the chain has, by Ethereum's name.
        archive: Keep the state of every block, not of the latest only: on disk, 4 MB each, until it is stopped.
    """
    built = genesis.build(groups)
    scratch = Path(tempfile.mkdtemp(prefix="localnet-"))
    with ExitStack() as undo:
        undo.callback(shutil.rmtree, scratch, ignore_errors=True)
        arguments = _arguments(built, scratch, archive)
        running = node.start(0 if like_production else port, arguments, scratch / "anvil.log", hardfork)
        undo.callback(running.stop)
        rpc = undo.enter_context(closing(Rpc(running.url)))
        _settle(rpc, built.layout)
        shim = _disguise(rpc, port, running.url) if like_production else None
        url = running.url if shim is None else shim.url
        auctioned = order == "fees"
        competitor = RivalSettings() if rival is True else rival
        every = None if automine else block_seconds
        net = Localnet(
            url=url,
            ws_url=url.replace("http", "ws", 1),
            genesis_hash=rpc("eth_getBlockByNumber", "0x0", False)["hash"],
            layout=built.layout,
            rpc=rpc,
            sequencer=Sequencer(running.url, every, rounds if auctioned else 0) if sequencer else None,
            traders=Traders(running.url, built.layout, traders, block_seconds) if traders else None,
            rival=Rival(running.url, built.layout, competitor, auctioned) if competitor else None,
            _auction=Auction(rpc) if auctioned else None,
            _node=running,
            _shim=shim,
            _scratch=scratch,
        )
        undo.pop_all()
    if auctioned:
        net.set_collect_tips(True)
    if net.rival is not None:
        net.rival.arm()
    net._begin()
    return net


def _arguments(built: genesis.Genesis, scratch: Path, archive: bool) -> list[str]:
    """
    Write the genesis of this instance and return anvil's arguments for it.
    """
    # The coinbase of block 0 is drawn at random, and the time is the present: its hash identifies the instance.
    own = scratch / "genesis.json"
    own.write_text(f'{{"coinbase": "0x{os.urandom(20).hex()}", ' + built.path.read_text().removeprefix("{"))
    clock = ["--timestamp", str(int(time.time()))]
    # Else it has a folder in the user's home, too.
    memory = ["--transaction-block-keeper", str(_TRANSACTION_BLOCKS), "--cache-path", str(scratch / "states")]
    if archive:
        # Beyond the latest 500 they are files of some megabytes each.
        memory += ["--max-persisted-states", str(_TRANSACTION_BLOCKS)]
    else:
        memory += ["--prune-history", str(_HISTORY_BLOCKS)]
    fees = ["--block-base-fee-per-gas", str(node.BASE_FEE_WEI)]
    return ["--init", str(own), "--no-mining", "--order", "fifo", *clock, *memory, *fees]


def _settle(rpc: Rpc, layout: Layout) -> None:
    """
    Let the chain tell the real sequencer and the real time, bring block 1 to the fee floor, and have it announce pools.
    """
    rpc("anvil_setCoinbase", addresses.SEQUENCER)
    rpc("evm_setTime", int(time.time()))
    own = announcements.tell(rpc, layout)
    mine(rpc)
    announcements.restore(rpc, own)


def _disguise(rpc: Rpc, port: int, behind: str) -> production.Shim:
    production.disguise(rpc)
    try:
        return production.Shim(port, behind).start()
    except OSError as error:
        raise NodeError(f"port {port} is in use") from error
