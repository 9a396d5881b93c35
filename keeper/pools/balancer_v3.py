"""
What the Vault of Balancer V3 does with every pool: rates, fees, bounds and balances. The pool itself says only what it
would exchange without them.

No package ships the Vault's bytecode: pools are proved against an independent implementation and recorded answers, and
off by default in production until a run on a fork has proved them.
"""

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any, Self

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from keeper.errors import PoolError, SwapReverts
from keeper.events import BalancerV3Changed, BalancerV3Swap, BalancerV3SwapFeeChanged, Event
from keeper.events.balancer_v3 import VAULT
from keeper.math.fixed_point import ONE, complement, div_down, div_up, mul_down, mul_up
from keeper.pools.pool import PoolInfo, indices
from keeper.types import Address, Answer, Call, Reading

#: What is below it, with 18 decimals and at the token's rate, is not traded.
MINIMUM_TRADE_AMOUNT = 10**6

_GET_POOL_TOKEN_INFO = bytes.fromhex("67e0e076")
_GET_POOL_TOKEN_RATES = bytes.fromhex("7e361bde")
_GET_CURRENT_LIVE_BALANCES = bytes.fromhex("535cfd8a")
_GET_POOL_CONFIG = bytes.fromhex("f29486a1")
_GET_HOOKS_CONFIG = bytes.fromhex("ce8630d4")
_GET_MINIMUM_TRADE_AMOUNT = bytes.fromhex("e2cb0ba0")
_IS_VAULT_PAUSED = bytes.fromhex("098401f5")

_MAX_UINT128 = (1 << 128) - 1
_MAX_UINT256 = (1 << 256) - 1


@dataclass(frozen=True, slots=True)
class VaultState:
    """
    What the Vault knows of a pool.

    Attributes:
        balances: What the Vault holds for the pool, in each token's smallest units, less what the protocol is due.
        scaling_factors: What makes a balance one of 18 decimals.
        rates: What one of a token is worth, with 18 decimals.
        rates_move: Whether any token has a rate of its own, which no event tells.
        swap_fee: Share of the input, in 1e-18, the same for every swap.
        aggregate_swap_fee: What the protocol and the pool's creator take of the fee, in 1e-18.
    """

    balances: tuple[int, ...]
    scaling_factors: tuple[int, ...]
    rates: tuple[int, ...]
    rates_move: bool
    swap_fee: int
    aggregate_swap_fee: int

    def live(self) -> list[int]:
        """Return the balances with 18 decimals and at their rates."""
        return [self.scaled_down(k, balance) for k, balance in enumerate(self.balances)]

    def scaled_down(self, k: int, amount: int) -> int:
        return mul_down(_uint(amount * self.scaling_factors[k]), self.rates[k])

    def rate_rounded_up(self, k: int) -> int:
        """A rate that is no whole number was rounded down by whoever told it."""
        return self.rates[k] + (self.rates[k] % ONE > 0)

    def unit(self, k: int) -> float:
        """Worth per smallest unit of a token, with 18 decimals."""
        return float(self.scaling_factors[k]) * (self.rates[k] / ONE)

    def after(self, i: int, j: int, amount_in: int, amount_out: int, swap_fee_amount: int) -> Self:
        """
        Return the state after a swap whose fee was *swap_fee_amount* of token *i*, in its smallest units.

        Raises:
            SwapReverts: A balance is out of bounds.
        """
        balances = list(self.balances)
        balances[i] += amount_in - mul_down(swap_fee_amount, self.aggregate_swap_fee)
        balances[j] -= amount_out
        after = replace(self, balances=tuple(balances))
        if balances[j] < 0 or max(balances[i], after.scaled_down(i, balances[i])) > _MAX_UINT128:
            raise SwapReverts("Vault: BalanceOverflow")
        return after


@dataclass(frozen=True, slots=True)
class BalancerV3Pool:
    """
    A pool of Balancer V3 without hooks that concern swaps (balancer-v3-monorepo, Vault).
    """

    info: PoolInfo
    vault: VaultState

    @property
    def address(self) -> Address:
        return self.info.address

    @property
    def tokens(self) -> tuple[Address, ...]:
        return self.info.tokens

    def rate(self, token_in: Address, token_out: Address) -> float:
        i, j = indices(self.info, token_in, token_out)
        price, _ = self._slope(i, j)
        return price * self.vault.unit(i) / self.vault.unit(j) * (1 - self.vault.swap_fee / ONE)

    def depth(self, token_in: Address, token_out: Address) -> float:
        i, j = indices(self.info, token_in, token_out)
        _, depth = self._slope(i, j)
        return depth / self.vault.unit(i)

    def amount_out(self, token_in: Address, token_out: Address, amount_in: int) -> int:
        amount_out, _ = self._exact_in(*indices(self.info, token_in, token_out), amount_in)
        return amount_out

    def amount_in(self, token_in: Address, token_out: Address, amount_out: int) -> int:
        i, j = indices(self.info, token_in, token_out)
        _require_given(amount_out)
        vault = self.vault
        given = mul_up(_uint(amount_out * vault.scaling_factors[j]), vault.rate_rounded_up(j))
        _require_tradable(given)
        calculated = self._on_swap_exact_out(i, j, given)
        _require_tradable(calculated)
        rest = complement(vault.swap_fee)
        if rest == 0:
            raise SwapReverts("FixedPoint: ZeroDivision")
        fee = -(-_uint(calculated * vault.swap_fee) // rest)
        factor = _uint(vault.scaling_factors[i] * vault.rates[i])
        amount_in = div_up(_uint(calculated + fee), factor)
        vault.after(i, j, amount_in, amount_out, div_down(fee, factor))
        return amount_in

    def swap(self, token_in: Address, token_out: Address, amount_in: int) -> tuple[int, Self]:
        amount_out, vault = self._exact_in(*indices(self.info, token_in, token_out), amount_in)
        return amount_out, replace(self, vault=vault)

    def apply(self, event: Event) -> Self | None:
        match event:
            case BalancerV3Swap() | BalancerV3SwapFeeChanged() if event.vault != VAULT:
                return self  # anyone can emit these
            case BalancerV3Changed() if event.emitter not in (VAULT, self.address):
                return self
            case BalancerV3Swap():
                return self._told(event)
            case BalancerV3SwapFeeChanged():
                return replace(self, vault=replace(self.vault, swap_fee=event.swap_fee))
            case _:
                return None

    @abstractmethod
    def _on_swap_exact_in(self, i: int, j: int, amount_in: int) -> int:
        """What the pool gives, all with 18 decimals and at the tokens' rates."""

    @abstractmethod
    def _on_swap_exact_out(self, i: int, j: int, amount_out: int) -> int:
        """What the pool asks, likewise."""

    @abstractmethod
    def _slope(self, i: int, j: int) -> tuple[float, float]:
        """Price before fees and depth, likewise; zero if the pool cannot trade."""

    def _exact_in(self, i: int, j: int, amount_in: int) -> tuple[int, VaultState]:
        _require_given(amount_in)
        vault = self.vault
        given = vault.scaled_down(i, amount_in)
        fee = mul_up(given, vault.swap_fee)
        _require_tradable(given - fee)
        calculated = self._on_swap_exact_in(i, j, given - fee)
        _require_tradable(calculated)
        amount_out = div_down(calculated, _uint(vault.scaling_factors[j] * vault.rate_rounded_up(j)))
        swap_fee_amount = div_down(fee, _uint(vault.scaling_factors[i] * vault.rates[i]))
        return amount_out, vault.after(i, j, amount_in, amount_out, swap_fee_amount)

    def _told(self, event: BalancerV3Swap) -> Self | None:
        """The state after a swap, or None if the event does not tell it."""
        known = {event.token_in, event.token_out} <= set(self.tokens) and event.token_in != event.token_out
        if self.vault.rates_move or event.swap_fee != self.vault.swap_fee or not known:
            return None
        i, j = indices(self.info, event.token_in, event.token_out)
        try:
            vault = self.vault.after(i, j, event.amount_in, event.amount_out, event.swap_fee_amount)
        except SwapReverts:
            return None
        return replace(self, vault=vault)


def read_vault(info: PoolInfo, *calls: Call) -> Reading[tuple[VaultState, list[Answer]]]:
    """
    Read what the Vault knows of a pool, and in the same round whatever else.

    Raises:
        PoolError: The pool has hooks, is paused, or the Vault does not know it.
    """
    pool = bytes.fromhex(info.address[2:]).rjust(32, b"\0")
    of_pool = (
        _GET_POOL_TOKEN_INFO, _GET_POOL_TOKEN_RATES, _GET_CURRENT_LIVE_BALANCES, _GET_POOL_CONFIG, _GET_HOOKS_CONFIG,
    )  # fmt: skip
    held, told, current, config, hooks, least, paused, *others = yield [
        *(Call(VAULT, selector + pool) for selector in of_pool),
        Call(VAULT, _GET_MINIMUM_TRADE_AMOUNT),
        Call(VAULT, _IS_VAULT_PAUSED),
        *calls,
    ]
    tokens, kinds, raw, _ = decoded(info, held, "address[]", "(uint8,address,bool)[]", "uint256[]", "uint256[]")
    factors, rates = decoded(info, told, "uint256[]", "uint256[]")
    (live,) = decoded(info, current, "uint256[]")
    settings = decoded(info, config, *["bool"] * 4, *["uint256"] * 5, *["bool"] * 4)
    swap_fee, aggregate_fee, (registered, initialized, pool_paused, recovers) = settings[4], settings[5], settings[9:]
    _, _, _, dynamic_fee, before_swap, after_swap, *_ = decoded(info, hooks, *["bool"] * 10, "address")
    if tokens != info.tokens or not len(tokens) == len(raw) == len(factors) == len(rates) == len(live):
        raise PoolError(f"pool {info.address} has other tokens in the Vault")
    if not registered or not initialized or pool_paused or decoded(info, paused, "bool")[0]:
        raise PoolError(f"pool {info.address} is paused")
    if dynamic_fee or before_swap or after_swap:
        raise PoolError(f"pool {info.address} has hooks that concern swaps")
    if decoded(info, least, "uint256")[0] != MINIMUM_TRADE_AMOUNT:
        raise PoolError(f"pool {info.address} has another least amount")
    moves = any(kind for kind, _, _ in kinds)
    state = VaultState(raw, factors, rates, moves, swap_fee, 0 if recovers else aggregate_fee)
    return replace(state, balances=_less_what_is_due(info, state, live)), others


def vault_snapshot(info: PoolInfo, vault: VaultState) -> dict[str, Any]:
    """
    Return the part of a snapshot that all pools have.
    """
    return {
        "family": info.family,
        "dex": info.dex,
        "address": info.address,
        "tokens": list(info.tokens),
        "balances": [str(balance) for balance in vault.balances],
        "scaling_factors": [str(factor) for factor in vault.scaling_factors],
        "rates": [str(rate) for rate in vault.rates],
        "rates_move": vault.rates_move,
        "swap_fee": str(vault.swap_fee),
        "aggregate_swap_fee": str(vault.aggregate_swap_fee),
    }


def vault_of_snapshot(info: PoolInfo, snapshot: dict[str, Any]) -> VaultState:
    """
    Return what *snapshot* says of the Vault.

    Raises:
        KeyError, TypeError, ValueError: The snapshot has another shape; the family says so.
    """
    balances, factors, rates = (tuple(map(int, snapshot[key])) for key in ("balances", "scaling_factors", "rates"))
    if not len(info.tokens) == len(balances) == len(factors) == len(rates):
        raise ValueError("tokens, balances, scaling factors and rates are not as many")
    if not all(factors) or not all(rates):
        raise ValueError("a scaling factor or a rate is zero")
    fees = int(snapshot["swap_fee"]), int(snapshot["aggregate_swap_fee"])
    return VaultState(balances, factors, rates, bool(snapshot.get("rates_move", True)), *fees)


def decoded(info: PoolInfo, answer: Answer, *types: str) -> tuple[Any, ...]:
    """
    Return the values of an answer.

    Raises:
        PoolError: They have other types.
    """
    try:
        return tuple(decode(types, answer or b""))
    except DecodingError as error:
        raise PoolError(f"pool {info.address} does not answer as a Balancer V3 pool") from error


def _less_what_is_due(info: PoolInfo, state: VaultState, live: tuple[int, ...]) -> tuple[int, ...]:
    """
    The balances that the next swap finds: it first takes the protocol's part of what rates have grown by, and the live
    balances are known without that.
    """
    balances = []
    for k, (raw, current) in enumerate(zip(state.balances, live, strict=True)):
        least = raw
        if state.scaled_down(k, raw) != current:
            least = -(-current * ONE // (state.scaling_factors[k] * state.rates[k]))
            if state.scaled_down(k, least) != current or state.scaled_down(k, least + 1) == current:
                raise PoolError(f"pool {info.address} does not tell what the protocol is due of it")
        balances.append(least)
    return tuple(balances)


def _require_given(amount: int) -> None:
    if amount <= 0:
        raise SwapReverts("Vault: AmountGivenZero")


def _require_tradable(amount: int) -> None:
    if amount < MINIMUM_TRADE_AMOUNT:
        raise SwapReverts("Vault: TradeAmountTooSmall")


def _uint(value: int) -> int:
    if value > _MAX_UINT256:
        raise SwapReverts("Vault: arithmetic overflow")
    return value
