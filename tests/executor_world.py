"""
The executor among mock pools and lenders, on a chain inside the test's process.

Real bytecode is tested on the localnet.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from keeper.plan import DEXES, SELECTORS, Funding, Guard, Hop, Plan, Program, Route, encode, pool_address
from keeper.plan.bundle import SELECTOR
from keeper.types import Address
from tests.executor_chain import (
    CONTRACTS,
    BoaChain,
    Outcome,
    Reverted,
    call,
    deployer,
    lower,
    number,
    reason,
)
from tests.executor_venues import (
    MANAGER,
    ONE,
    PLENTY,
    V2_FEE,
    V3_FEE,
    VAULT,
    WETH,
    Venues,
    fee_of,
    flash_pool,
    hop,
)

__all__ = [
    "CONTRACTS",
    "DEXES",
    "FOREVER",
    "MANAGER",
    "ONE",
    "PLENTY",
    "V2_FEE",
    "V3_FEE",
    "VAULT",
    "WETH",
    "BoaChain",
    "Outcome",
    "Reverted",
    "Venues",
    "World",
    "build",
    "call",
    "calldata",
    "cycle",
    "deployer",
    "fee_of",
    "flash_pool",
    "hop",
    "lower",
    "number",
    "plan",
    "pool_address",
    "undone",
    "words",
    "written",
]

FOREVER = 2**40 - 1


@dataclass
class World:
    """
    Attributes:
        weth: The first profit token; usdc is the second, dai is none.
        bank: What the V3 pools that lend have besides the profit tokens.
    """

    owner: str
    guardian: str
    treasury: str
    operator: str
    stranger: str
    weth: Any
    usdc: Any
    dai: Any
    bank: Any
    executor: Any
    venues: Venues
    chain: Any = field(default_factory=BoaChain)
    tokens: list[Any] = field(default_factory=list)

    @property
    def profit_tokens(self) -> tuple[Address, ...]:
        return lower(self.weth), lower(self.usdc)

    @property
    def vault(self) -> Any:
        return self.venues.lenders[Funding.BALANCER_V2]

    def token(self, mock: str = "TokenMock") -> Any:
        """
        Return a new token, watched by ``unharmed``.
        """
        token = self.chain.deploy(f"mocks/{mock}")
        self.tokens.append(token)
        return token

    def v3(self, dex: str, token_in: Any, token_out: Any, rate: tuple[int, int]) -> Any:
        """
        Place a V3 pool that gives rate[0] of one token for rate[1] of the other, and fill it.
        """
        return self.venues.v3(dex, token_in, token_out, rate)

    def v2(self, dex: str, token_in: Any, token_out: Any, reserves: tuple[int, int]) -> Any:
        """
        Place a V2 pair with these reserves.
        """
        return self.venues.v2(dex, token_in, token_out, reserves)

    def pool(self, dex: str, token_in: Any, token_out: Any, rate: tuple[int, int], **how: bool) -> Any:
        """
        Place a pool of any DEX that trades at about this rate.
        """
        return self.venues.pool(dex, token_in, token_out, rate, **how)

    def execute(self, plan: Plan | Program, sender: str | None = None) -> Outcome:
        """
        Call the executor with a plan; a revert raises.
        """
        return self.send(encode(plan), sender)

    def send(self, calldata: bytes, sender: str | None = None, to: Any = None, value: int = 0) -> Outcome:
        """
        Call the executor with any bytes; a revert raises.
        """
        target = self.executor.address if to is None else getattr(to, "address", to)
        outcome: Outcome = self.chain.send(target, str(sender or self.operator), calldata, value)
        if outcome.is_error:
            raise Reverted(reason(outcome.output))
        return outcome

    def gain(self, token: Any) -> int:
        return int(token.balanceOf(self.treasury))

    @contextmanager
    def reverts(self, message: str) -> Iterator[None]:
        """
        Expect a revert with these words, and that nothing but them is left of it.
        """
        with self.unharmed(exactly=True):
            try:
                yield
            except Reverted as revert:
                assert revert.reason == message, f"reverted with {revert.reason!r}"
            else:
                raise AssertionError("did not revert")

    @contextmanager
    def unharmed(self, exactly: bool = False) -> Iterator[None]:
        """
        Expect that whatever is done, the executor and the treasury lose nothing and nobody's role changes.

        Args:
            exactly: They gain nothing either.
        """
        before = self._holdings()
        roles = self._roles()
        yield
        after = self._holdings()
        assert self._roles() == roles
        assert after == before if exactly else all(after[key] >= before[key] for key in before)
        assert not [allowance for allowance in self.allowances() if allowance[2]]

    def allowances(self) -> Iterator[tuple[str, str, int]]:
        """
        Yield what everybody may take of every token from the executor.
        """
        for token in self.tokens:
            if hasattr(token, "allowance"):
                for spender in (*self.venues.spenders, self.stranger, self.operator, self.owner):
                    yield lower(token), spender, token.allowance(self.executor, spender)

    def _holdings(self) -> dict[tuple[str, str], int]:
        holders = self.executor.address, self.treasury
        ether = {("ether", holder): self.chain.balance(holder) for holder in holders}
        return ether | {
            (lower(token), lower(holder)): token.balanceOf(holder) for token in self.tokens for holder in holders
        }

    def _roles(self) -> tuple[Any, ...]:
        executor = self.executor
        roles = executor.owner(), executor.pending_owner(), executor.guardian(), executor.operators(), executor.paused()
        return *roles, executor.TREASURY(), executor.profit_tokens()


def build(chain: Any = None) -> World:
    """
    Return a world with an executor, lenders and three tokens, and no pools but those that lend.
    """
    chain = chain or BoaChain()
    owner, guardian, treasury, operator, stranger = (chain.account() for _ in range(5))
    weth = chain.place("mocks/WethMock", WETH)
    chain.set_balance(WETH, 1_000 * PLENTY)
    usdc, dai, bank = (chain.deploy("mocks/TokenMock") for _ in range(3))
    executor = chain.deploy("Executor", owner, guardian, treasury, [weth.address, usdc.address], [operator])
    venues = Venues(chain)
    venues.open((weth, usdc, dai))
    for token in (weth, usdc):
        venues.v3("uniswap_v3", token, bank, (1, 1))
    tokens = [weth, usdc, dai]
    return World(owner, guardian, treasury, operator, stranger, weth, usdc, dai, bank, executor, venues, chain, tokens)


@contextmanager
def undone(world: World) -> Iterator[World]:
    """
    Lend the world; whatever is done to it is undone.
    """
    venues = replace(world.venues, spenders=list(world.venues.spenders))
    with world.chain.anchor():
        yield replace(world, tokens=list(world.tokens), venues=venues)


def cycle(dexes: Sequence[str], tokens: Sequence[Any], **how: bool) -> tuple[Hop, ...]:
    """
    Return the hops through these DEXes, from each token to the following, at last to the first.
    """
    return tuple(hop(*step, **how) for step in zip(dexes, tokens, [*tokens[1:], tokens[0]], strict=True))


def plan(
    world: World,
    hops: tuple[Hop, ...],
    funding: Funding = Funding.NONE,
    amount_in: int = ONE,
    min_profit: int = 1,
    guard: Guard | None = None,
    deadline: int = FOREVER,
    **more: Any,
) -> Plan:
    """
    Return a plan of one route; if a V3 pool is to lend, of one that is not in the route.
    """
    lender = flash_pool(world.bank) if funding is Funding.UNISWAP_V3 else None
    more = {"flash_pool": lender} | more
    return Plan((Route(hops, funding, amount_in, min_profit, guard, **more),), deadline, world.profit_tokens)


def words(calldata: bytes) -> list[int]:
    """
    Return the program in the calldata of an entry point.
    """
    return [int.from_bytes(calldata[i : i + 32]) for i in range(4, len(calldata), 32)]


def calldata(program: Sequence[int]) -> bytes:
    """
    Return the calldata that runs any words; too few or too many go to the nearest short entry point.
    """
    hops = min(max(len(program) - 3, min(SELECTORS)), max(SELECTORS))
    return SELECTORS[hops] + b"".join(word.to_bytes(32) for word in program)


def written(program: Sequence[int]) -> bytes:
    """
    Return the calldata that runs any words as a general program.
    """
    return SELECTOR + b"".join(word.to_bytes(32) for word in program)
