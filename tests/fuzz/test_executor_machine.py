"""
Anybody does anything in any order: nobody's role changes but by who may change it, and nothing is lost.
"""

from contextlib import suppress
from dataclasses import replace
from typing import Any

from eth_utils.crypto import keccak
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from keeper.plan import DEXES, Funding, Hop, encode
from tests.executor_revm import RevmChain
from tests.executor_routes import can_open
from tests.executor_venues import AAVE, MORPHO, VAULT_V3
from tests.executor_world import (
    MANAGER,
    ONE,
    VAULT,
    Reverted,
    World,
    build,
    call,
    cycle,
    hop,
    plan,
    words,
)

STEPS = 10_000
_STEPS_OF_A_RUN = 100

#: What strangers and hostile tokens call, with any words for arguments.
SIGNATURES = (
    "execute_two(uint256,uint256,uint256,uint256,uint256)",
    "execute_three(uint256,uint256,uint256,uint256,uint256,uint256)",
    "execute(uint256,uint256)",
    "swap_held(uint256,uint256,address)",
    "uniswapV3SwapCallback(int256,int256,bytes)",
    "pancakeV3SwapCallback(int256,int256,bytes)",
    "algebraSwapCallback(int256,int256,bytes)",
    "uniswapV3FlashCallback(uint256,uint256,bytes)",
    "pancakeV3FlashCallback(uint256,uint256,bytes)",
    "executeOperation(address,uint256,uint256,address,bytes)",
    "onMorphoFlashLoan(uint256,bytes)",
    "unlockCallback(bytes)",
    "onBalancerV3Unlock()",
    "uniswapV2Call(address,uint256,uint256,bytes)",
    "receiveFlashLoan(address[],uint256[],uint256[],bytes)",
    "sweep(address)",
    "transfer_ownership(address)",
    "accept_ownership()",
    "set_guardian(address)",
    "add_operator(address)",
    "remove_operator(address)",
    "pause()",
    "unpause()",
)

_ADDRESSES = {"balancer": VAULT, "aave": AAVE, "aave several": AAVE, "aave debt": AAVE}
_WORLDS: list[tuple[World, Any]] = []
_AMOUNTS = st.integers(1, 10 * ONE)
_PLACES = st.sampled_from(["weth", "usdc", "dai"])


def _world() -> tuple[World, Any]:
    """
    Return a world with a pool of every DEX between any two of four tokens, the last of them hostile; built once.
    """
    if not _WORLDS:
        world = build(RevmChain())
        hostile = world.token("HookTokenMock")
        tokens = world.weth, world.usdc, world.dai, hostile
        rates = iter([(11, 10), (9, 10), (10, 11), (12, 10), (8, 10)] * 20)
        for i, token_in in enumerate(tokens):
            for token_out in tokens[i + 1 :]:
                for dex in DEXES:
                    # The vault collects by an allowance, and the hostile token knows none.
                    if dex in ("curve", "balancer_v2") and token_out is hostile:
                        continue
                    world.pool(dex, token_in, token_out, next(rates))
                    if dex in ("curve", "uniswap_v4") and token_in is world.weth:
                        world.pool(dex, token_in, token_out, next(rates), native=True)
        trap = hop("curve", world.dai, hostile).pool
        world.chain.place("mocks/ScriptMock", trap)
        world.venues.spenders.append(trap)
        _WORLDS.append((world, hostile))
    return _WORLDS[0]


def _foreign_loan(lender: str, world: World, amount: int) -> bytes:
    """
    Return the call of a lender that sends the executor a loan that it did not ask for.
    """
    us, weth, usdc = world.executor.address, world.weth.address, world.usdc.address
    if lender == "balancer":
        return call("flashLoan(address,address[],uint256[],bytes)", us, [weth], [amount], b"")
    if lender == "aave":
        return call("flashLoanSimple(address,address,uint256,bytes,uint16)", us, weth, amount, b"", 0)
    several = "flashLoan(address,address[],uint256[],uint256[],address,bytes,uint16)"
    mode = 2 if lender == "aave debt" else 0
    return call(several, us, [weth, usdc], [amount] * 2, [mode] * 2, us, b"", 0)


class Machine(RuleBasedStateMachine):
    """
    The model knows who holds which role; the executor has to agree after every step.
    """

    steps = 0
    successes = 0
    trapped = 0

    @initialize()
    def begin(self) -> None:
        self.world, self.hostile = _world()
        self.anchor = self.world.chain.anchor()
        self.anchor.__enter__()
        self.tokens = [self.world.weth, self.world.usdc, self.world.dai, self.hostile]
        self.is_operator, self.is_paused, self.has_swept = True, False, False
        self.last, self.bundle = b"", ()
        self.trap = self.world.chain.at("mocks/ScriptMock", hop("curve", self.world.dai, self.hostile).pool)
        self.held, self.ether = self._holdings(), self.world.chain.balance(self.world.executor.address)

    def teardown(self) -> None:
        if hasattr(self, "anchor"):
            self.anchor.__exit__(None, None, None)

    @rule(data=st.data(), funding=st.sampled_from(list(Funding)), amount=_AMOUNTS, hops=st.integers(2, 4))
    def operator_runs_a_route(self, data: st.DataObject, funding: Funding, amount: int, hops: int) -> None:
        if data.draw(st.integers(0, 3)):
            self._reinstate()
        start = data.draw(st.integers(0, 1))
        others = data.draw(st.permutations([token for i, token in enumerate(self.tokens) if i != start]))
        dexes = data.draw(st.permutations(list(DEXES)))[:hops]
        native, more = data.draw(st.booleans()), data.draw(st.integers(0, 2))
        stations = [self.tokens[start], *others[: hops - 1], self.tokens[start]]
        # What loses in one order of the pools may gain in the other.
        for order in (dexes, dexes[::-1]):
            steps = list(zip(order, stations[:-1], stations[1:], strict=True))
            route = tuple(hop(*step, native=native and self.world.weth in step[1:]) for step in steps)
            lender = funding if can_open(funding, order) else Funding.MORPHO
            single = plan(self.world, route, lender, amount, min_profit=0)
            self.last = encode(replace(single, routes=single.routes + self.bundle[:more]))
            if self._try(self.world.operator, self.last):
                assert self.is_operator and not self.is_paused
                self.bundle = (*single.routes, *self.bundle[:1])
                Machine.successes += 1
                return

    @rule(which=st.integers(0, 4), amount=_AMOUNTS, extra=st.integers(-2, 2))
    def hostile_curve_pool_changes_its_mind(self, which: int, amount: int, extra: int) -> None:
        """It takes what it was allowed, more, less, or something else; or lets somebody in."""
        world, trap = self.world, self.trap
        taken = max(0, amount + extra)
        owed = call("transferFrom(address,address,uint256)", world.executor.address, trap.address, taken)
        calls = [
            [(world.dai.address, owed, False)],
            [(world.weth.address, owed, True)],
            [(world.executor.address, self.last[:2_048], True)],
            [(AAVE, _foreign_loan("aave", world, amount), True)],
            [],
        ][which]
        trap.script(calls, 1, -1)

    @rule(amount=_AMOUNTS, taken=st.integers(-2, 1), paid=st.integers(0, 3), before=st.booleans())
    def operator_runs_a_route_through_the_hostile_pool(self, amount: int, taken: int, paid: int, before: bool) -> None:
        """It pays in its own money, perhaps enough, and takes what it likes, before that or behind."""
        world, trap, us = self.world, self.trap, self.world.executor.address
        self._reinstate()
        hops = cycle(("sushi_v3", "curve", "pancake_v3"), (world.weth, world.dai, self.hostile))
        rate = self._delivered(hops[0], amount)
        take = call("transferFrom(address,address,uint256)", us, trap.address, max(0, rate + taken))
        pay = call("mint(address,uint256)", us, paid * amount)
        calls = [(world.dai.address, take, False), (self.hostile.address, pay, False)]
        trap.script(calls if before else calls[::-1], 1, -1)
        succeeded = self._try(world.operator, encode(plan(world, hops, Funding.BALANCER_V3, amount, min_profit=0)))
        assert not succeeded or taken == 0, "the pool took another amount than the hop put in"
        Machine.trapped += succeeded

    @rule(bit=st.integers(0, 255), index=st.integers(0, 40))
    def operator_runs_a_spoilt_program(self, bit: int, index: int) -> None:
        if self.last:
            program = words(self.last)
            program[index % len(program)] ^= 1 << bit
            data = self.last[:4] + b"".join(word.to_bytes(32) for word in program)
            self._try(self.world.operator, data)

    @rule(signature=st.sampled_from(SIGNATURES), tail=st.binary(max_size=256))
    def stranger_calls(self, signature: str, tail: bytes) -> None:
        assert not self._try(self.world.stranger, keccak(text=signature)[:4] + tail)

    @rule()
    def stranger_repeats_a_program(self) -> None:
        if self.last:
            assert not self._try(self.world.stranger, self.last)

    @rule(lender=st.sampled_from(["balancer", "aave", "aave several", "aave debt"]), amount=_AMOUNTS)
    def stranger_lends_to_the_executor(self, lender: str, amount: int) -> None:
        assert not self._try(self.world.stranger, _foreign_loan(lender, self.world, amount), _ADDRESSES[lender])

    @rule(lender=st.sampled_from([MORPHO, MANAGER, VAULT_V3]), amount=_AMOUNTS)
    def stranger_asks_a_lender_that_answers_only_him(self, lender: str, amount: int) -> None:
        signatures = {
            MORPHO: call("flashLoan(address,uint256,bytes)", self.world.weth.address, amount, b""),
            MANAGER: call("unlock(bytes)", b""),
            VAULT_V3: call("unlock(bytes)", call("onBalancerV3Unlock()")),
        }
        self._try(self.world.stranger, signatures[lender], lender)

    @rule(amount=_AMOUNTS)
    def stranger_sends_ether(self, amount: int) -> None:
        with suppress(Reverted):
            self.world.send(b"", self.world.stranger, value=amount)
            raise AssertionError("ether was accepted")

    @rule(amount=_AMOUNTS)
    def somebody_forces_ether(self, amount: int) -> None:
        chain, executor = self.world.chain, self.world.executor.address
        chain.set_balance(executor, chain.balance(executor) + amount)

    @rule(amount=_AMOUNTS, first=st.booleans())
    def stranger_flashes_a_pair_to_the_executor(self, amount: int, first: bool) -> None:
        pair = hop("sushi_v2", self.world.weth, self.world.usdc).pool
        amounts = (amount, 0) if first else (0, amount)
        data = call("swap(uint256,uint256,address,bytes)", *amounts, self.world.executor.address, b"\x01")
        assert not self._try(self.world.stranger, data, pair)

    @rule(amount=_AMOUNTS, place=_PLACES)
    def stranger_donates(self, amount: int, place: str) -> None:
        getattr(self.world, place).mint(self.world.executor, amount)

    @rule(signature=st.sampled_from(SIGNATURES), tail=st.binary(max_size=256))
    def hostile_token_gets_a_hook(self, signature: str, tail: bytes) -> None:
        self.hostile.set_hook(self.world.executor, keccak(text=signature)[:4] + tail)

    @rule()
    def hostile_token_repeats_a_program(self) -> None:
        self.hostile.set_hook(self.world.executor, self.last)

    @rule(lender=st.sampled_from(["balancer", "aave", "aave several", "aave debt"]), amount=_AMOUNTS)
    def hostile_token_borrows_for_the_executor(self, lender: str, amount: int) -> None:
        self.hostile.set_hook(_ADDRESSES[lender], _foreign_loan(lender, self.world, amount))

    @rule(by_owner=st.booleans())
    def somebody_pauses(self, by_owner: bool) -> None:
        assert self._try(self.world.owner if by_owner else self.world.guardian, call("pause()"))
        self.is_paused = True

    @rule()
    def owner_unpauses(self) -> None:
        assert not self._try(self.world.guardian, call("unpause()"))
        assert self._try(self.world.owner, call("unpause()"))
        self.is_paused = False

    @rule()
    def guardian_dismisses_the_operator(self) -> None:
        data = call("remove_operator(address)", self.world.operator)
        assert self._try(self.world.guardian, data) == self.is_operator
        self.is_operator = False

    @rule()
    def owner_appoints_the_operator(self) -> None:
        data = call("add_operator(address)", self.world.operator)
        assert not self._try(self.world.guardian, data)
        assert self._try(self.world.owner, data) != self.is_operator
        self.is_operator = True

    @rule(place=_PLACES)
    def owner_sweeps(self, place: str) -> None:
        assert self._try(self.world.owner, call("sweep(address)", getattr(self.world, place).address))
        self.has_swept = True

    @invariant()
    def nothing_is_lost_and_roles_are_as_they_should_be(self) -> None:
        if not hasattr(self, "held"):
            return
        Machine.steps += 1
        world, held = self.world, self._holdings()
        for (executor, treasury), (executor_before, treasury_before) in zip(held, self.held, strict=True):
            assert treasury >= treasury_before
            if self.has_swept:
                assert executor + treasury >= executor_before + treasury_before
            else:
                assert executor >= executor_before
        self.held, self.has_swept = held, False
        ether = world.chain.balance(world.executor.address)
        assert ether >= self.ether
        self.ether = ether
        if Machine.steps % 10 == 0:
            assert not [allowance for allowance in world.allowances() if allowance[2]]
        assert world.executor.owner() == world.owner
        assert world.executor.guardian() == world.guardian
        assert list(world.executor.operators()) == ([world.operator] if self.is_operator else [])
        assert world.executor.paused() == self.is_paused
        assert self.hostile.successes() == 0

    def _delivered(self, first: Hop, amount: int) -> int:
        """What a V3 pool gives."""
        pool = self.world.chain.at("mocks/UniswapV3PoolMock", first.pool)
        numerator, denominator = pool.rate()
        out = amount * numerator // denominator if first.zero_for_one else amount * denominator // numerator
        return int(out)

    def _reinstate(self) -> None:
        if not self.is_operator:
            self.owner_appoints_the_operator()
        if self.is_paused:
            self.owner_unpauses()

    def _holdings(self) -> list[tuple[int, int]]:
        executor, treasury = self.world.executor, self.world.treasury
        return [(token.balanceOf(executor), token.balanceOf(treasury)) for token in self.tokens]

    def _try(self, sender: str, data: bytes, to: str | None = None) -> bool:
        try:
            self.world.send(data, sender, to)
        except Reverted:
            return False
        return True


class HardlyTestedError(Exception):
    """
    Chance let hardly any route succeed.
    """


def run_machine(steps: int, number: int) -> None:
    """
    Run the machine until it took at least so many steps; runs of different numbers differ.

    How often chance lets a route succeed varies from run to run: it goes on, within bounds, until enough did.

    Raises:
        HardlyTestedError: Not within five times as many steps.
    """
    _world()  # outside of the runs, each of which is undone
    Machine.steps = Machine.successes = Machine.trapped = 0
    while Machine.steps < steps or (_tests_little(steps) and Machine.steps < 5 * steps):
        # Else each turn would repeat the first.
        number += 1_000
        run_state_machine_as_test(
            seed(number)(Machine),
            settings=settings(
                max_examples=max(steps - Machine.steps, steps // 10) // _STEPS_OF_A_RUN + 1,
                stateful_step_count=_STEPS_OF_A_RUN,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    if _tests_little(steps):
        raise HardlyTestedError(f"{Machine.successes} routes succeeded, {Machine.trapped} through the hostile pool")


def _tests_little(steps: int) -> bool:
    return Machine.successes <= steps // 100 or not Machine.trapped


def test_executor__whoever_does_what__loses_nothing() -> None:
    run_machine(STEPS, number=0)
