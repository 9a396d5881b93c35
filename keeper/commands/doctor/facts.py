"""
The chain's facts: whether what stands at each address is what it is taken for.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping

from eth_utils.crypto import keccak

from keeper.abi import answer, call
from keeper.chain.answers import octets
from keeper.chain.arbitrum import read_arbos
from keeper.chain.reader import Reader
from keeper.chain.rpc import Rpc
from keeper.commands.doctor.finding import Finding, fail, ok, warn
from keeper.config import ChainFacts, DexFacts, LenderFacts
from keeper.errors import ChainError, ConfigError, PoolError
from keeper.events import balancer_v2, balancer_v3
from keeper.execution.opening import read_lane
from keeper.lenders import Lender, read_lender
from keeper.plan import DEXES, pool_address
from keeper.pools.pool import PoolInfo
from keeper.registry import Found, discover
from keeper.types import ZERO_ADDRESS, Address, Hash

#: Questions that are under way at a time: providers count them by the second.
_AT_A_TIME = 8

_FILE = "correct keeper/deployments/{}.toml, or the chain is not what it seems"


class Examiner:
    """
    Asks one node about every address of a chain, all at one block.
    """

    def __init__(self, rpc: Rpc, facts: ChainFacts, chain: str, off: Collection[str], block_hash: Hash) -> None:
        """
        Args:
            chain: What the file with the facts is called.
            off: DEXes that are not traded.
        """
        self._rpc, self._facts, self._off, self._block_hash = rpc, facts, off, block_hash
        self._reader = Reader(rpc, Address(facts.multicall3))
        self._correct = _FILE.format(chain)

    async def look(self) -> AsyncIterator[Finding]:
        """
        Yield what was found, address by address.
        """
        facts = self._facts
        lenders = [Address(lender.address) for lender in facts.lenders]
        factories = [Address(factory) for dex in facts.dexes for factory in dex.all_factories]
        codes = await self._codes({Address(facts.multicall3), *facts.token_by_address, *lenders, *factories})
        yield self._multicall(codes[Address(facts.multicall3)])
        if not codes[Address(facts.multicall3)]:
            return  # all else is asked through it
        yield await self._precompiles()
        yield await self._express_lane()
        for finding in await self._tokens(codes):
            yield finding
        found = await self._reader.read(discover(facts), self._block_hash)
        for dex, pools in zip(facts.dexes, found, strict=True):
            yield await self._dex(dex, pools, codes)
        read = await self._reader.read(
            [read_lender(lender, sorted(facts.token_by_address)) for lender in facts.lenders], self._block_hash
        )
        for lender, told in zip(facts.lenders, read, strict=True):
            yield self._lender(lender, told, codes[Address(lender.address)])

    async def _codes(self, addresses: Iterable[Address]) -> Mapping[Address, str]:
        """The beginning of each code's hash; empty where there is none."""
        turn = asyncio.Semaphore(_AT_A_TIME)

        async def code(address: Address) -> tuple[Address, str]:
            async with turn:
                told = octets(await self._rpc("eth_getCode", address, "latest"), f"code of {address}")
            return address, f"0x{keccak(told).hex()[:8]}" if told else ""

        return dict(await asyncio.gather(*map(code, sorted(addresses))))

    def _multicall(self, code: str) -> Finding:
        if not code:
            return fail("multicall3", f"no code at {self._facts.multicall3}", self._correct)
        return ok("multicall3", f"{self._facts.multicall3}, code {code}")

    async def _precompiles(self) -> Finding:
        facts = self._facts
        try:
            arbos = await read_arbos(self._rpc, facts)
        except ChainError as error:
            return fail("precompiles", str(error), "use a node of Arbitrum; a fork needs stand-ins (ape run keeper)")
        tips = "collects tips" if arbos.collects_tips else "collects no tips"
        words = f"a unit of L1 data costs {arbos.l1_wei_per_unit:,} wei, brotli level {arbos.brotli_level}, {tips}"
        return ok("precompiles", words)

    async def _express_lane(self) -> Finding:
        facts = self._facts
        try:
            lane = await read_lane(self._rpc, facts.chain_id, Address(facts.express_lane_auction))
        except (ConfigError, ChainError) as error:
            return warn("express lane", str(error), "nothing, unless an endpoint is of the kind express_lane")
        return ok("express lane", f"{lane.auction} sells rounds of {lane.round_seconds} s")

    # ---------------------------------------------------------------- tokens

    async def _tokens(self, codes: Mapping[Address, str]) -> list[Finding]:
        facts = self._facts
        asked = [call(Address(token.address), "decimals()") for token in facts.tokens.values()]
        answers = await self._reader.call(asked, self._block_hash)
        findings = []
        for (symbol, token), told in zip(facts.tokens.items(), answers, strict=True):
            check = f"token {symbol}"
            if not codes[Address(token.address)]:
                findings.append(fail(check, f"no code at {token.address}", self._correct))
            elif not told or int.from_bytes(told) != token.decimals:
                has = int.from_bytes(told) if told else "no"
                words = f"{token.address} has {has} decimals, {token.decimals} were expected"
                findings.append(fail(check, words, self._correct))
            else:
                findings.append(ok(check, f"{token.address}, {token.decimals} decimals"))
        if Address(facts.weth) not in facts.token_by_address:
            findings.append(fail("token WETH", f"{facts.weth} is not among the tokens", self._correct))
        return findings

    # ---------------------------------------------------------------- DEXes

    async def _dex(self, dex: DexFacts, found: Found | PoolError, codes: Mapping[Address, str]) -> Finding:
        check = f"dex {dex.name}"
        off = dex.name in self._off
        missing = [factory for factory in dex.all_factories if not codes[Address(factory)]]
        if not (missing and dex.by_lookup):
            wrong = str(found) if isinstance(found, PoolError) else await self._wrong(dex, found)
            if wrong is not None and off:
                return warn(check, wrong, f"it is off: leave it so before you {self._correct}")
            if wrong is not None:
                return fail(check, wrong, f"{self._correct}; do not trade it before (dexes_off)")
        if missing:
            words = f"no code at {len(missing)} of its {len(dex.all_factories)} factories: {missing[0]}"
            if dex.by_lookup and not off:
                return fail(check, words, f"{self._correct}; or leave it out (dexes_off)")
            return warn(check, words, "they have no pools here" + (", and it is off" if off else f": {self._correct}"))
        assert isinstance(found, Found)  # what did not answer was told of
        shown = ", ".join(codes[Address(factory)] for factory in dex.all_factories)
        words = f"factory code {shown}" if shown else "no factory"
        match dex.family:
            case family if family in ("uniswap_v2", "uniswap_v3", "camelot_v2", "camelot_v3"):
                if not found.infos:
                    return warn(
                        check, f"{words}; no pool of known tokens", "its init code hash could not be proved here"
                    )
                words += f"; {len(found.infos)} pools of known tokens stand where the executor derives them"
            case family if family.startswith("curve"):
                words += f"; {len(found.infos)} pools of known tokens"
            case family if family.startswith("balancer"):
                words += "; made for the Vault that the executor knows"
            case _:
                words += "; its pools are told by logs"
        return ok(check, words)

    async def _wrong(self, dex: DexFacts, found: Found) -> str | None:
        """What is not as the executor and the models take it to be."""
        if dex.by_lookup and dex.name in DEXES:
            return await self._wrong_tier(dex) or _underivable(found.infos)
        if dex.by_vault:
            vault = balancer_v3.VAULT if dex.family.startswith("balancer_v3") else balancer_v2.VAULT
            asked = [call(Address(factory), "getVault()") for factory in dex.all_factories]
            for asking, told in zip(asked, await self._reader.call(asked, self._block_hash), strict=True):
                if told and (other := answer("address", told, "getVault")) != vault:
                    return f"factory {asking.target} makes pools for the Vault {other}, {vault} was expected"
        missing = [pool for pool in dex.pools if found.dropped.get(Address(pool)) == "no_answer"]
        return f"{missing[0]} is no pool of this family" if missing else None

    async def _wrong_tier(self, dex: DexFacts) -> str | None:
        factory = Address(dex.factory)
        asked = [call(factory, "feeAmountTickSpacing(uint24)", fee) for fee in dex.fee_tiers]
        answers = await self._reader.call(asked, self._block_hash)
        for (fee, spacing), told in zip(dex.fee_tiers.items(), answers, strict=True):
            if not told or int.from_bytes(told) != spacing:
                has = f"tick spacing {int.from_bytes(told)}" if told else "no answer"
                return f"factory {factory} has {has} for fee {fee}, {spacing} was expected"
        return None

    # ---------------------------------------------------------------- lenders

    def _lender(self, facts: LenderFacts, told: Lender | PoolError, code: str) -> Finding:
        check = f"lender {facts.name}"
        if not code:
            return warn(
                check,
                f"no code at {facts.address}",
                f"it lends nothing here: leave it out of `funding`, or {self._correct}",
            )
        if isinstance(told, PoolError):
            return fail(check, str(told), f"leave it out of `funding`, or {self._correct}")
        lends = [self._facts.token_by_address[token].symbol for token, amount in told.available.items() if amount]
        words = f"code {code}, fee {told.fee_wad / 10**16:g} %, has {', '.join(lends) or 'nothing'}"
        if not lends:
            return warn(check, words, f"is {facts.address} the right contract? It lends nothing of the known tokens")
        if told.fee_wad != facts.fee_pips * 10**12:
            advice = "nothing: fees are read from the chain; the facts may be brought up to date"
            return warn(check, f"{words}; {facts.fee_pips / 10**4:g} % was expected", advice)
        return ok(check, words)


def _underivable(infos: Iterable[PoolInfo]) -> str | None:
    for info in infos:
        derived = pool_address(info.dex, info.tokens[0], info.tokens[1], info.fee_pips)
        if info.address not in (derived, ZERO_ADDRESS):
            return f"its factory has pool {info.address} where the executor derives {derived}"
    return None
