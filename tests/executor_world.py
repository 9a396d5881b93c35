"""
The executor among mock pools, in titanoboa: a call takes a fraction of a millisecond.

The pools' code is placed where the real ones would stand, for the executor derives their addresses. Real bytecode is
tested on the localnet.
"""

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import boa
    from vyper.compiler.settings import OptimizationLevel

from keeper.plan import DEXES, SELECTORS, Funding, Guard, Hop, Plan, Route, encode, pool_address
from keeper.types import Address

#: The sources under test and the optimizer's level; those who test the tests say otherwise.
CONTRACTS = Path(os.environ.get("EXECUTOR_CONTRACTS", Path(__file__).parent.parent / "contracts"))
OPTIMIZE = os.environ.get("EXECUTOR_OPTIMIZE")
VAULT = "0xBA12222222228d8Ba445958a75a0704d566BF2C8"
ONE = 10**18
FOREVER = 2**40 - 1

#: Fees of the pools between two tokens; any would do.
V3_FEE = 500
V2_FEE = 3_000


@cache
def deployer(name: str) -> Any:
    """
    Return what deploys a contract; compiled once.
    """
    arguments = {"optimize": OptimizationLevel.from_string(OPTIMIZE)} if OPTIMIZE else {}
    return boa.load_partial(str(CONTRACTS / f"{name}.vy"), compiler_args=arguments)


def place(name: str, address: str) -> Any:
    """
    Put a mock's code at an address and return the contract there.
    """
    mock = deployer(f"mocks/{name}")
    boa.env.set_code(address, mock.compiler_data.bytecode_runtime)
    return mock.at(address)


def lower(contract: Any) -> Address:
    """
    Return a contract's or an account's address as the keeper writes it.
    """
    return Address(str(getattr(contract, "address", contract)).lower())


def number(contract: Any) -> int:
    return int(lower(contract), 16)


@dataclass
class World:
    """
    Attributes:
        weth: The first profit token; usdc is the second, dai is none.
    """

    owner: str
    guardian: str
    treasury: str
    operator: str
    stranger: str
    weth: Any
    usdc: Any
    dai: Any
    vault: Any
    executor: Any
    tokens: list[Any] = field(default_factory=list)

    @property
    def profit_tokens(self) -> tuple[Address, ...]:
        return lower(self.weth), lower(self.usdc)

    def token(self, mock: str = "TokenMock") -> Any:
        """
        Return a new token, watched by ``watched``.
        """
        token = deployer(f"mocks/{mock}").deploy()
        self.tokens.append(token)
        return token

    def v3(self, dex: str, token_in: Any, token_out: Any, rate: tuple[int, int]) -> Any:
        """
        Place a V3 pool that gives rate[0] of one token for rate[1] of the other, and fill it.
        """
        pool = place("UniswapV3PoolMock", pool_address(dex, lower(token_in), lower(token_out), V3_FEE))
        forward = number(token_in) < number(token_out)
        token0, token1 = (token_in, token_out) if forward else (token_out, token_in)
        numerator, denominator = rate if forward else rate[::-1]
        pool.initialize(token0, token1, numerator, denominator, dex == "pancake_v3")
        for token in (token0, token1):
            token.mint(pool, 10**6 * ONE)
        return pool

    def v2(self, dex: str, token_in: Any, token_out: Any, reserves: tuple[int, int]) -> Any:
        """
        Place a V2 pair with these reserves.
        """
        pair = place("UniswapV2PairMock", pool_address(dex, lower(token_in), lower(token_out), V2_FEE))
        forward = number(token_in) < number(token_out)
        pair.initialize(*((token_in, token_out) if forward else (token_out, token_in)))
        for token, reserve in zip((token_in, token_out), reserves, strict=True):
            token.mint(pair, reserve)
        pair.sync()
        return pair

    def pool(self, dex: str, token_in: Any, token_out: Any, rate: tuple[int, int]) -> Any:
        """
        Place a pool of either family that trades at about this rate.
        """
        if DEXES[dex].is_v3:
            return self.v3(dex, token_in, token_out, rate)
        return self.v2(dex, token_in, token_out, (10**6 * ONE, 10**6 * ONE * rate[0] // rate[1]))

    def execute(self, plan: Plan, sender: str | None = None) -> Any:
        """
        Call the executor with a plan; a revert raises.
        """
        return self.send(encode(plan), sender)

    def send(self, calldata: bytes, sender: str | None = None, to: Any = None) -> Any:
        """
        Call the executor with any bytes; a revert raises.
        """
        target = self.executor.address if to is None else to
        computation = boa.env.execute_code(to_address=target, sender=sender or self.operator, data=calldata)
        if computation.is_error:
            raise Reverted(reason(computation))
        return computation

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
        assert not any(self._allowances())

    def _holdings(self) -> dict[tuple[str, str], int]:
        return {
            (lower(token), lower(holder)): token.balanceOf(holder)
            for token in self.tokens
            for holder in (self.executor, self.treasury)
        }

    def _roles(self) -> tuple[Any, ...]:
        executor = self.executor
        roles = executor.owner(), executor.pending_owner(), executor.guardian(), executor.operators(), executor.paused()
        return *roles, executor.TREASURY(), executor.profit_tokens()

    def _allowances(self) -> Iterator[int]:
        for token in self.tokens:
            if hasattr(token, "allowance"):
                for spender in (self.vault.address, self.stranger, self.operator, self.owner):
                    yield token.allowance(self.executor, spender)


class Reverted(Exception):  # noqa: N818 - says what the contract did
    """
    A call reverted.

    Attributes:
        reason: Its words; empty where there were none.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def reason(computation: Any) -> str:
    """
    Return the words of an ``Error(string)``.
    """
    output = bytes(computation.output)
    if output[:4] != bytes.fromhex("08c379a0"):
        return ""
    length = int.from_bytes(output[36:68])
    return output[68 : 68 + length].decode()


def build() -> World:
    """
    Return a world with an executor and three tokens, and no pools.
    """
    owner, guardian, treasury, operator, stranger = (boa.env.generate_address() for _ in range(5))
    weth, usdc, dai = (deployer("mocks/TokenMock").deploy() for _ in range(3))
    vault = place("BalancerV2VaultMock", VAULT)
    executor = deployer("Executor").deploy(owner, guardian, treasury, [weth, usdc], [operator])
    for token in (weth, usdc, dai):
        token.mint(vault, 10**6 * ONE)
    return World(
        owner, guardian, treasury, operator, stranger, weth, usdc, dai, vault, executor, tokens=[weth, usdc, dai]
    )


def hop(dex: str, token_in: Any, token_out: Any) -> Hop:
    fee = V3_FEE if DEXES[dex].is_v3 else V2_FEE
    tokens = lower(token_in), lower(token_out)
    return Hop(dex, pool_address(dex, *tokens, fee), *tokens, fee, number(token_in) < number(token_out))


def cycle(dexes: Sequence[str], tokens: Sequence[Any]) -> tuple[Hop, ...]:
    """
    Return the hops through these DEXes, from each token to the following, at last to the first.
    """
    return tuple(hop(*step) for step in zip(dexes, tokens, [*tokens[1:], tokens[0]], strict=True))


def plan(
    world: World,
    hops: tuple[Hop, ...],
    funding: Funding = Funding.NONE,
    amount_in: int = ONE,
    min_profit: int = 1,
    guard: Guard | None = None,
    deadline: int = FOREVER,
    second_guard: Guard | None = None,
) -> Plan:
    return Plan((Route(hops, funding, amount_in, min_profit, guard, second_guard),), deadline, world.profit_tokens)


def words(calldata: bytes) -> list[int]:
    """
    Return the program in the calldata of an entry point.
    """
    return [int.from_bytes(calldata[i : i + 32]) for i in range(4, len(calldata), 32)]


def calldata(program: Sequence[int]) -> bytes:
    """
    Return the calldata that runs any words; too few or too many go to the nearest entry point.
    """
    hops = min(max(len(program) - 3, 2), 4)
    return SELECTORS[hops] + b"".join(word.to_bytes(32) for word in program)
