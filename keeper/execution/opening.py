"""
Signers, endpoints and operators, from settings, keys, the chain, and what the journal left open.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from eth_account.signers.local import LocalAccount

from keeper.abi import answer, call
from keeper.chain.answers import octets, quantity
from keeper.chain.endpoint import Endpoint
from keeper.chain.rpc import Rpc
from keeper.config import ChainFacts, EndpointSettings, Settings
from keeper.errors import ConfigError, RpcError, SignerError
from keeper.execution import endpoints
from keeper.execution.endpoints import Ask, ExpressLaneEndpoint, Lane, RawEndpoint, SubmissionEndpoint
from keeper.execution.nonces import NonceManager
from keeper.execution.operators import Caps, Operator, Operators
from keeper.execution.payouts import Payouts
from keeper.execution.remote_signer import RemoteSigner
from keeper.execution.signer import ControllerKey, LocalSigner, Policy, Signer
from keeper.execution.submission import Broadcast
from keeper.execution.transactions import Patience, Transactions
from keeper.gas import LEAST_GAS
from keeper.journal import Journal
from keeper.types import ZERO_ADDRESS, Address

_KINDS = {
    "raw": RawEndpoint,
    "sync": endpoints.SyncEndpoint,
    "conditional": endpoints.ConditionalEndpoint,
    "bundle": endpoints.BundleEndpoint,
    "timeboost_bundle": endpoints.TimeboostBundleEndpoint,
}


@asynccontextmanager
async def open_signers(
    settings: Settings, chain_id: int, executor: Address, accounts: Sequence[LocalAccount]
) -> AsyncIterator[list[Signer]]:
    """
    Yield a signer for each key in memory and each that the remote signer holds.

    Raises:
        ConfigError: There is none, one twice, or the remote signer does not sign.
    """
    most_tip_wei = settings.tip_wei + settings.max_bid_wei // LEAST_GAS
    policy = Policy(chain_id, executor, settings.max_base_fee_wei + most_tip_wei)
    signers: list[Signer] = [LocalSigner(account, policy) for account in accounts]
    async with AsyncExitStack() as opened:
        if settings.signer_url is not None:
            ask = await opened.enter_async_context(Endpoint(settings.signer_url.get_secret_value()))
            for address in settings.signer_addresses:
                remote = RemoteSigner(ask, Address(address), policy)
                try:
                    await remote.check()
                except SignerError as error:
                    raise ConfigError(str(error)) from None
                signers.append(remote)
        addresses = [signer.address for signer in signers]
        if not signers:
            raise ConfigError("there is no operator key: give a key file, or signer_url and signer_addresses")
        if len(set(addresses)) < len(addresses):
            raise ConfigError("an operator key is given twice: each would use the other's nonces")
        yield signers


@asynccontextmanager
async def open_broadcast(
    settings: Settings, facts: ChainFacts, rpc: Rpc, accounts: Sequence[LocalAccount]
) -> AsyncIterator[Broadcast]:
    """
    Yield what sends bytes to the node and to every endpoint of the settings; again, to every node as well.

    Raises:
        ConfigError: An endpoint cannot be used on this chain, or with these keys.
    """
    async with AsyncExitStack() as opened:

        async def ask(url: str) -> Endpoint:
            return await opened.enter_async_context(Endpoint(url))

        first: list[SubmissionEndpoint] = [
            RawEndpoint("node", rpc),
            *[
                await _endpoint(endpoint, await ask(endpoint.url.get_secret_value()), facts, rpc, accounts)
                for endpoint in settings.endpoints
            ],
        ]
        nodes = [await ask(url) for url in settings.nodes if len(settings.nodes) > 1]
        also = [RawEndpoint(f"raw {node.url}", node) for node in nodes]
        yield await opened.enter_async_context(Broadcast(first, also))


async def _endpoint(
    settings: EndpointSettings, ask: Endpoint, facts: ChainFacts, rpc: Rpc, accounts: Sequence[LocalAccount]
) -> SubmissionEndpoint:
    name = f"{settings.kind} {ask.url}"
    if settings.kind != "express_lane":
        endpoint: SubmissionEndpoint = _KINDS[settings.kind](name, ask)
        return endpoint
    if not accounts:
        raise ConfigError("an express_lane endpoint needs the lane's controller for first key file")
    lane = await read_lane(rpc, facts.chain_id, Address(facts.express_lane_auction))
    return ExpressLaneEndpoint(name, ask, lane, ControllerKey(accounts[0]))


async def read_lane(rpc: Ask, chain_id: int, auction: Address) -> Lane:
    """
    Return the express lane that an auction sells.

    Raises:
        ConfigError: There is no such auction on this chain.
    """
    if auction == ZERO_ADDRESS:
        raise ConfigError("this chain's facts know no express lane")
    asked = call(auction, "roundTimingInfo()")
    try:
        told = await rpc("eth_call", {"to": auction, "data": "0x" + asked.data.hex()}, "latest")
    except RpcError as error:
        raise ConfigError(f"the express lane's auction {auction} does not answer: {error}") from None
    if told == "0x":
        raise ConfigError(f"the express lane's auction {auction} is not on this chain")
    what = "roundTimingInfo of the express lane"
    timing = answer("int64,uint64,uint64,uint64", octets(told, what), what)
    return Lane(chain_id, auction, offset_seconds=timing[0], round_seconds=timing[1])


async def open_operators(
    rpc: Rpc,
    broadcast: Broadcast,
    journal: Journal,
    settings: Settings,
    chain_id: int,
    payouts: Payouts,
    signers: Sequence[Signer],
) -> Operators:
    """
    Return the operators of these signers, and of every former key that has transactions open in the journal.
    """
    holders = {signer.address: signer for signer in signers}
    former = {entry.transaction.sender for entry in journal.open_entries()} - set(holders)
    patience = Patience(settings.patience_blocks, settings.rebroadcast_blocks, settings.unknown_seconds)

    async def open_operator(address: Address) -> Operator:
        nonces = NonceManager(address, quantity(await rpc("eth_getTransactionCount", address, "latest"), "nonce"))
        retired = address not in holders
        transactions = Transactions(rpc, broadcast, journal, nonces, payouts, patience, retired)
        return Operator(address, holders.get(address), nonces, transactions)

    operators = await asyncio.gather(*(open_operator(address) for address in (*holders, *sorted(former))))
    caps = Caps(chain_id, settings.max_base_fee_wei, settings.pipeline)
    return Operators(rpc, broadcast, operators, caps, silent=settings.dry_run)
