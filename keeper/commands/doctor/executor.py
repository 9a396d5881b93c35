"""
The executor: whether it is the one that was deployed, whose it is, and who may use it.
"""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from keeper.abi import answer, call
from keeper.chain.answers import fields, octets
from keeper.chain.reader import Reader
from keeper.chain.rpc import Rpc
from keeper.commands.doctor.finding import Finding, fail, ok, warn
from keeper.config import ChainFacts, Settings
from keeper.desk import profit_tokens
from keeper.events import balancer_v2, balancer_v3
from keeper.preflight import Deployment
from keeper.types import ZERO_ADDRESS, Address, Block

#: What a transaction may take at worst, and how many of them an operator should be able to pay.
_WORST_GAS, _TRANSACTIONS = 3_000_000, 10

#: How many times the base fee a transaction is ready to pay.
_BASE_FEE_ROOM = 2


@dataclass(frozen=True, slots=True)
class Whose:
    """
    The roles as the executor tells them.
    """

    owner: Address
    guardian: Address
    pending_owner: Address
    operators: tuple[Address, ...]
    paused: bool
    treasury: Address
    profit_tokens: tuple[Address, ...]


class Examiner:
    """
    Asks one node about the executor, at one block.
    """

    def __init__(self, rpc: Rpc, settings: Settings, facts: ChainFacts, head: Block, keys: Sequence[Address]) -> None:
        """
        Args:
            keys: Operators whose keys are here, or will be.
        """
        self._rpc, self._settings, self._facts, self._head, self._keys = rpc, settings, facts, head, keys
        self._reader = Reader(rpc, Address(facts.multicall3))
        self._record = settings.state_dir / "deployment.json"

    async def look(self) -> AsyncIterator[Finding]:
        """
        Yield what was found; it ends early where the executor is not there, or is another contract.
        """
        deployment = Deployment.load(self._record)
        genesis = await self._rpc("eth_getBlockByNumber", "0x0", False)
        of_chain = deployment.chain_id, deployment.genesis_hash
        if genesis is None or of_chain != (self._facts.chain_id, fields(genesis, "block 0").get("hash")):
            yield fail(
                "record",
                f"{self._record} is of another chain",
                "deploy the executor here (ape run deploy), or use another state_dir",
            )
            return
        yield ok("record", f"{self._record} is of this chain")
        executor = deployment.executor
        code = octets(await self._rpc("eth_getCode", executor, "latest"), "code of the executor")
        if not code:
            yield fail(
                "executor code", f"there is no code at {executor}", "deploy it (ape run deploy), or restore its record"
            )
            return
        if (found := "0x" + keccak(code).hex()) != deployment.code_hash:
            words = f"{executor} has code hash {found}, its record says {deployment.code_hash}"
            yield fail(
                "executor code", words, "do not use it: deploy again, or restore the record that was written then"
            )
            return
        yield ok("executor code", f"{executor} has the recorded code hash {found}")
        whose = await self._ask(executor)
        for finding in self._roles(deployment, whose):
            yield finding
        for finding in await self._operators(whose):
            yield finding
        for finding in await self._holdings(executor, whose):
            yield finding

    async def _ask(self, executor: Address) -> Whose:
        views = {
            "owner()": "address",
            "guardian()": "address",
            "pending_owner()": "address",
            "operators()": "address[]",
            "paused()": "bool",
            "TREASURY()": "address",
            "profit_tokens()": "address[]",
        }
        answers = await self._reader.call([call(executor, view) for view in views], self._head.hash)
        told = [
            answer(kind, data, f"executor {view}") for (view, kind), data in zip(views.items(), answers, strict=True)
        ]
        owner, guardian, pending, operators, paused, treasury, tokens = told
        return Whose(owner, guardian, pending, tuple(operators), paused, treasury, tuple(tokens))

    # ---------------------------------------------------------------- roles

    def _roles(self, deployment: Deployment, whose: Whose) -> Iterator[Finding]:
        if whose.treasury == deployment.treasury:
            yield ok("treasury", whose.treasury)
        else:
            words = f"the executor pays {whose.treasury}, its record says {deployment.treasury}"
            yield fail("treasury", words, "it can never be changed: use the right record, or deploy with --treasury")
        if whose.paused:
            yield fail("paused", "the executor is paused", "once you know why, its owner unpauses it: ape run unpause")
        else:
            yield ok("paused", "the executor is not paused")
        yield self._owner(whose)
        recorded = _recorded(self._record)
        for role, now in (("owner", whose.owner), ("guardian", whose.guardian)):
            if (then := str(recorded.get(role, now)).lower()) != now:
                advice = "if you did that, nothing; if not, somebody else has its key: pause, and deploy anew"
                yield warn(role, f"it is {now}, at the deployment it was {then}", advice)
        yield self._tokens(whose)

    def _owner(self, whose: Whose) -> Finding:
        if whose.pending_owner != ZERO_ADDRESS:
            words = f"{whose.owner} offers the ownership to {whose.pending_owner}"
            return warn(
                "owner", words, "the new owner calls accept_ownership(); an offer that is none of yours: withdraw it"
            )
        if whose.owner in (*whose.operators, *self._keys):
            words = f"the owner {whose.owner} is an operator, whose key is on the keeper's machine"
            return warn("owner", words, "hand the ownership over to a cold key or a multisig (transfer_ownership)")
        if whose.guardian in (ZERO_ADDRESS, whose.owner):
            return warn("owner", f"{whose.owner}, and no guardian apart", "appoint a guardian, who can pause sooner")
        return ok("owner", f"{whose.owner}, guardian {whose.guardian}")

    def _tokens(self, whose: Whose) -> Finding:
        known = self._facts.token_by_address
        missing = [token for token in profit_tokens(self._settings, self._facts) if token not in whose.profit_tokens]
        if missing:
            words = f"the executor takes no profit in {', '.join(known[token].symbol for token in missing)}"
            return fail("profit tokens", words, "name in profit_tokens only those that it was deployed with")
        unknown = [token for token in whose.profit_tokens if token not in known]
        if unknown:
            return warn("profit tokens", f"{unknown[0]} is not among the chain's tokens", "it is not traded from")
        return ok("profit tokens", ", ".join(known[token].symbol for token in whose.profit_tokens))

    # ---------------------------------------------------------------- operators

    async def _operators(self, whose: Whose) -> list[Finding]:
        findings = [] if whose.operators else [fail("operators", "there are none", "ape run operators add ADDRESS")]
        operators = tuple(dict.fromkeys((*self._keys, *whose.operators)))
        multicall3 = Address(self._facts.multicall3)
        asked = [call(multicall3, "getEthBalance(address)", operator) for operator in operators]
        answers = await self._reader.call(asked, self._head.hash)
        fee = min(_BASE_FEE_ROOM * self._head.base_fee_wei + self._settings.tip_wei, self._settings.max_base_fee_wei)
        for operator, told in zip(operators, answers, strict=True):
            balance = int(answer("uint256", told, f"balance of {operator}"))
            findings.append(self._operator(operator, operator in whose.operators, balance, _WORST_GAS * fee))
        return findings

    def _operator(self, operator: Address, listed: bool, balance: int, worst_wei: int) -> Finding:
        check, words = f"operator {operator}", f"{balance / 10**18:.6f} ETH for gas"
        if not listed:
            return fail(
                check,
                "the executor does not know it",
                f"its owner adds it (ape run operators add {operator}), or use another key",
            )
        if balance < worst_wei:
            tell = fail if operator in self._keys or not self._keys else warn
            return tell(
                check,
                f"{words}, a transaction may take {worst_wei / 10**18:.6f}",
                "send it ether for gas, and not more than that",
            )
        if balance < _TRANSACTIONS * worst_wei:
            return warn(
                check,
                f"{words}: less than {_TRANSACTIONS} transactions may take",
                "send it more, or set a funder_keystore",
            )
        return ok(check, words)

    # ---------------------------------------------------------------- what it holds, and who may take it

    async def _holdings(self, executor: Address, whose: Whose) -> list[Finding]:
        facts = self._facts
        tokens = sorted({*facts.token_by_address, *whose.profit_tokens})
        held = await self._amounts([call(token, "balanceOf(address)", executor) for token in tokens])
        left = [self._symbol(token) for token, amount in zip(tokens, held, strict=True) if amount]
        findings = [
            warn(
                "holdings",
                f"the executor holds {', '.join(left)}",
                "not a loss: its owner sends it to the treasury (ape run sweep)",
            )
            if left
            else ok("holdings", f"the executor holds none of {len(tokens)} tokens")
        ]
        findings.append(await self._given(executor, tokens))
        findings.append(await self._received(executor, whose, tokens))
        return findings

    async def _given(self, executor: Address, tokens: Sequence[Address]) -> Finding:
        """Whether somebody may take what the executor holds."""
        venues = sorted(
            {
                balancer_v2.VAULT,
                balancer_v3.VAULT,
                *(Address(lender.address) for lender in self._facts.lenders),
                *(Address(pool) for dex in self._facts.dexes for pool in (*dex.all_factories, *dex.pools)),
            }
        )
        pairs = [(token, venue) for token in tokens for venue in venues]
        asked = [call(token, "allowance(address,address)", executor, venue) for token, venue in pairs]
        left = [pair for pair, amount in zip(pairs, await self._amounts(asked), strict=True) if amount]
        if left:
            token, venue = left[0]
            words = f"{venue} may take {self._symbol(token)} from the executor"
            return fail(
                "allowances", words, "no executor of ours leaves any: pause it, and find out which code it runs"
            )
        return ok("allowances", f"none is left for {len(venues)} known contracts in {len(tokens)} tokens")

    async def _received(self, executor: Address, whose: Whose, tokens: Sequence[Address]) -> Finding:
        """Whether the executor may take what others hold: whoever runs a program could."""
        people = sorted({whose.owner, whose.guardian, whose.treasury, *whose.operators, *self._keys} - {ZERO_ADDRESS})
        pairs = [(token, person) for token in tokens for person in people]
        asked = [call(token, "allowance(address,address)", person, executor) for token, person in pairs]
        given = [pair for pair, amount in zip(pairs, await self._amounts(asked), strict=True) if amount]
        if given:
            token, person = given[0]
            words = f"{person} lets the executor take its {self._symbol(token)}"
            return fail("approvals", words, f"{person} revokes it: approve({executor}, 0) at {token}")
        return ok("approvals", f"none of {len(people)} accounts with a role lets the executor take tokens")

    async def _amounts(self, asked: Sequence[Any]) -> list[int]:
        """A token that is not there, or does not answer, holds nothing."""
        answers = await self._reader.call(asked, self._head.hash)
        return [int.from_bytes(told[:32]) if told else 0 for told in answers]

    def _symbol(self, token: Address) -> str:
        known = self._facts.token_by_address
        return known[token].symbol if token in known else token


def _recorded(path: Path) -> dict[str, Any]:
    """All that the record says; that it is one was seen before."""
    recorded: dict[str, Any] = json.loads(path.read_text())
    return recorded
