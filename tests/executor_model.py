"""
Random programs, and what the executor makes of them among the mock pools: the Python model of both.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from random import Random
from typing import NamedTuple

from keeper.errors import PlanError
from keeper.plan import DEXES, FlashPool, Funding, Group, Guard, Hop, Loan, Plan, Program, Route, decode, encode
from keeper.plan.bundle import program_of
from tests.executor_revm import RevmChain
from tests.executor_routes import can_open
from tests.executor_venues import key
from tests.executor_world import FOREVER, ONE, Reverted, build, fee_of, flash_pool, hop, lower

RATES = [(11, 10), (9, 10), (10, 11), (12, 10), (8, 10)]
#: One that no pool fulfils, one that every pool does.
LOST, HELD = Guard(2**40, 2**40), Guard(0, 2**160 - 1)
_HELD_WORD = Guard(0, 2**128 - 1)
#: Variants of a pool; the first that there are.
_HOW: dict[str, tuple[dict[str, bool], ...]] = {
    "curve": ({}, {"unsigned": True}, {"native": True}),
    "uniswap_v4": ({}, {"native": True}),
}

#: How refusals of a lender end.
_LENDERS_OWN = (
    "the program tells the lender what it does not know",
    "the program has an unknown lender",
    "the program's lender is no V3 pool",
    "the program's loan is of a token that is not listed",
    "there are 1 to 1 loans, not 2",
    "there are 1 to 1 loans, not 3",
    "there are 1 to 1 loans, not 4",
)


class Prediction(NamedTuple):
    """
    Attributes:
        gains: Of the treasury, if the program succeeds; minima: the least of them.
        succeeds: Whether it does for certain: every route and every loan pays for itself, and the minima are reached.
    """

    gains: dict[str, int]
    minima: dict[str, int]
    succeeds: bool


class Model:
    """
    A pool of every kind between any two of three tokens, and what each gives.
    """

    def __init__(self) -> None:
        self.world = build(RevmChain())
        world = self.world
        self.tokens = {lower(token): token for token in (world.weth, world.usdc, world.dai)}
        self.rates: dict[object, tuple[int, int]] = {}
        rates = iter(RATES * 20)
        for token_in, token_out in combinations(self.tokens.values(), 2):
            for dex in DEXES:
                for how in _HOW.get(dex, ({},)):
                    if identity(hop(dex, token_in, token_out, **how)) in self.rates:
                        continue
                    rate = next(rates)
                    world.pool(dex, token_in, token_out, rate, **how)
                    self.rates[identity(hop(dex, token_in, token_out, **how))] = rate
                    self.rates[identity(hop(dex, token_out, token_in, **how))] = rate[::-1]

    def plan(self, rng: Random) -> Plan | Program:
        """
        Return a valid plan, gainful or not.
        """
        routes = [self._route(rng) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
        return Plan(tuple(routes), FOREVER, self.world.profit_tokens)

    def predict(self, program: Program) -> Prediction | None:
        """
        Return what comes of the program if it succeeds; None if its guards are not understood.
        """
        reserves: dict[object, dict[str, int]] = {}
        gains: dict[str, int] = defaultdict(int)
        minima: dict[str, int] = defaultdict(int)
        pays = True
        for group in program.groups:
            routes = [route for route in group.routes if not is_lost(route)]
            if any(not is_understood(guard) for route in group.routes for guard in route.guards):
                return None
            pays &= all(route.tolerant for route in group.routes if is_lost(route))
            of_group: dict[str, int] = defaultdict(int)
            for route in routes:
                gain = self._out(route, reserves) - route.amount_in
                pays &= gain >= 0
                of_group[route.profit_token] += gain
                minima[route.profit_token] += route.min_profit
            for loan in group.loans if routes else ():
                of_group[loan.token] -= fee_of(group.funding, loan.amount)
            for token, gain in of_group.items():
                pays &= gain >= 0
                gains[token] += gain
        ran = any(not is_lost(route) for group in program.groups for route in group.routes)
        succeeds = pays and ran and all(gains[token] >= minimum for token, minimum in minima.items())
        return Prediction(gains, minima, succeeds)

    def _out(self, route: Route, reserves: dict[object, dict[str, int]]) -> int:
        amount = route.amount_in
        for single in route.hops:
            numerator, denominator = self.rates[identity(single)]
            if not DEXES[single.dex].is_v2:
                amount = amount * numerator // denominator
                continue
            held = reserves.setdefault(single.pool, self._reserves(single))
            if single.dex == "camelot_v2":
                kept = amount - amount * 300 // 100_000
                out = kept * held[single.token_out] // (held[single.token_in] + kept)
            else:
                kept = amount * (10**6 - single.fee_pips)
                out = kept * held[single.token_out] // (held[single.token_in] * 10**6 + kept)
            held[single.token_in] += amount
            held[single.token_out] -= out
            amount = out
        return amount

    def _reserves(self, single: Hop) -> dict[str, int]:
        return {token: self.tokens[token].balanceOf(single.pool) for token in (single.token_in, single.token_out)}

    def _route(self, rng: Random) -> Route:
        start = rng.choice([self.world.weth, self.world.usdc])
        others = [token for token in self.tokens.values() if token is not start]
        rng.shuffle(others)
        tokens = [start, *others[: rng.choice([1, 2])]]
        funding = rng.choice(list(Funding))
        while True:
            dexes = rng.sample(list(DEXES), len(tokens))
            if can_open(funding, dexes):
                break
        steps = zip(dexes, tokens, [*tokens[1:], start], strict=True)
        hops = tuple(hop(*step, **rng.choice(_HOW.get(step[0], ({},)))) for step in steps)
        guards = [rng.choice([None, None, None, None, None, None, LOST, _HELD_WORD]) for _ in hops]
        pool: FlashPool | None = flash_pool(self.world.bank) if funding is Funding.UNISWAP_V3 else None
        return Route(
            hops,
            funding,
            rng.randrange(10**6, 10 * ONE),
            rng.choice([0, 0, 1, ONE]),
            _shifted(guards[0], hops[0]),
            _shifted(guards[1], hops[1]),
            (_shifted(guards[2], hops[2]),) if len(hops) > 2 and guards[2] else (),
            rng.random() < 0.3,
            pool,
            funding is Funding.UNISWAP_V4 and rng.random() < 0.5,
        )


def identity(single: Hop) -> object:
    """
    Return what tells a pool and its direction from all others.
    """
    if single.dex == "uniswap_v4":
        return key(single), single.token_in
    # The place in a pool of Balancer's V3 Vault only a guard reads.
    detail = None if single.dex == "balancer_v3" else single.detail
    return single.dex, single.pool, single.token_in, single.token_out, detail


def mutated(rng: Random, data: bytes) -> bytes:
    """
    Return the calldata of a program with something wrong, usually.
    """
    words = [int.from_bytes(data[i : i + 32]) for i in range(4, len(data), 32)]
    match rng.randrange(8):
        case 0:
            words[rng.randrange(len(words))] = rng.getrandbits(256)
        case 1:
            del words[rng.randrange(len(words))]
        case 2:
            words.insert(rng.randrange(len(words)), rng.choice(words))
        case 3:
            i, j = rng.randrange(len(words)), rng.randrange(len(words))
            words[i], words[j] = words[j], words[i]
        case 4:
            i = rng.randrange(len(words))
            words[i] = (words[i] + rng.choice([-1, 1]) * (1 << rng.randrange(256))) % 2**256
        case _:
            words[rng.randrange(len(words))] ^= 1 << rng.randrange(256)
    return data[:4] + b"".join(word.to_bytes(32) for word in words)


def check(model: Model, data: bytes, valid: bool = False) -> bool:
    """
    Run a program, undo it, and compare all that it did with the model.

    Args:
        valid: The model made it: if it gains its minima, it succeeds.

    Returns:
        Whether it succeeded.
    """
    world, refusal = model.world, ""
    try:
        read = decode(data, world.profit_tokens)
    except PlanError as error:
        read, refusal = None, str(error)
    with world.chain.anchor():
        before = _holdings(model)
        known, prediction = False, None
        if isinstance(read, Plan):
            read = Program((_group(read.routes[0]),), read.deadline, read.profit_tokens)
        if read is not None and all(identity(single) in model.rates for single in _hops(read)):
            known, prediction = True, model.predict(read)
        try:
            world.send(data)
        except Reverted as revert:
            assert _holdings(model) == before
            assert not (valid and prediction and prediction.succeeds), f"{revert.reason}: {prediction} of {read}"
            return False
        if read is None:
            # What a group tells its lender is not looked at if none of its routes runs.
            assert refusal.endswith(_LENDERS_OWN), f"the executor ran what the model refuses: {refusal} {data.hex()}"
            return _unharmed(before, _holdings(model))
        assert known, f"the executor swapped on pools that the model does not know: {read}"
        if prediction:
            assert all(prediction.gains[token] >= minimum for token, minimum in prediction.minima.items())
        after = _holdings(model)
        for token in model.tokens:
            gain = after[token, world.treasury] - before[token, world.treasury]
            assert gain >= 0
            assert prediction is None or gain == prediction.gains.get(token, 0), f"{gain}: {prediction} of {read}"
            assert after[token, world.executor.address] == before[token, world.executor.address]
        return True


def _unharmed(before: dict[tuple[str, str], int], after: dict[tuple[str, str], int]) -> bool:
    assert all(after[key] >= before[key] for key in before)
    return True


def _holdings(model: Model) -> dict[tuple[str, str], int]:
    world = model.world
    return {
        (token, holder): contract.balanceOf(holder)
        for token, contract in model.tokens.items()
        for holder in (world.treasury, world.executor.address)
    }


def _group(route: Route) -> Group:
    """A short program as a group; its loan has no fee."""
    lent = route.funding is not Funding.NONE
    return Group((route,), (Loan(route.profit_token, route.amount_in),) if lent else ())


def _hops(program: Program) -> Iterator[Hop]:
    for group in program.groups:
        for route in group.routes:
            # One that may be left out is run only if its guards hold.
            understood = all(is_understood(guard) for guard in route.guards)
            if not route.tolerant or (understood and not is_lost(route)):
                yield from route.hops


def is_lost(route: Route) -> bool:
    """
    Tell whether a guard does not hold.
    """
    return any(guard is not None and guard.lower > 2**33 and guard.upper < 2**100 for guard in route.guards)


def is_understood(guard: Guard | None) -> bool:
    """
    Tell whether every pool fulfils a guard, or none.
    """
    return guard is None or (guard.lower > 2**33 and guard.upper < 2**72) or (not guard.lower and guard.upper > 2**126)


def _shifted(guard: Guard | None, single: Hop) -> Guard | None:
    """What is said of reserves, of prices."""
    priced = DEXES[single.dex].is_v3 or single.dex == "uniswap_v4"
    if guard is _HELD_WORD and priced:
        return HELD
    return guard


def campaign(seed: int, count: int) -> tuple[int, int]:
    """
    Check so many programs, a fifth of them valid, and return how many of the valid ones and of all others succeeded.
    """
    rng, model = Random(seed), Model()
    successes = [0, 0]
    for i in range(count):
        plan = model.plan(rng)
        data = encode(plan if rng.random() < 0.8 else program_of(plan))
        match i % 5:
            case 0:
                successes[0] += check(model, data, valid=True)
            case 1:
                size = rng.randrange(0, 65)
                noise = b"".join(rng.getrandbits(256).to_bytes(32) for _ in range(size))
                successes[1] += check(model, rng.choice([data[:4], data[:68], data[:100], b""]) + noise)
            case _:
                successes[1] += check(model, mutated(rng, data))
    return successes[0], successes[1]
