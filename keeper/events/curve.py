"""
Logs of Curve's pools.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from keeper.events.log import Log, uint, words
from keeper.types import Address, Hash


@dataclass(frozen=True, slots=True)
class CurveExchange:
    """A swap in a Curve pool: how much of which coin was sold, and how much of which was bought for it."""

    pool: Address
    sold_id: int
    tokens_sold: int
    bought_id: int
    tokens_bought: int


@dataclass(frozen=True, slots=True)
class CurveChanged:
    """Liquidity, the amplification or a fee of a Curve pool changed; the state that follows is not told."""

    pool: Address


Event: TypeAlias = CurveExchange | CurveChanged


def _curve_exchange(log: Log) -> CurveExchange:
    sold_id, tokens_sold, bought_id, tokens_bought = words(log, 2, 4)
    return CurveExchange(log["address"].lower(), uint(sold_id), uint(tokens_sold), uint(bought_id), uint(tokens_bought))


def _curve_changed(log: Log) -> CurveChanged:
    return CurveChanged(log["address"].lower())


#: Decoders by the hash of the signature.
TOPICS: dict[Hash, Callable[[Log], Event]] = {
    Hash("0x8b3e96f2b889fa771c53c981b40daf005f63f637f1869f707052d15a3dd97140"): _curve_exchange,
    # Of a pool that is its own LP token: liquidity of two, three and four coins, of one coin, RampA, StopRampA, NewFee.
    Hash("0x26f55a85081d24974e85c6c00045d0f0453991e95873f52bff0d21af4079a768"): _curve_changed,
    Hash("0x7c363854ccf79623411f8995b362bce5eddff18c927edc6f5dbbb5e05819a82c"): _curve_changed,
    Hash("0x2b5508378d7e19e0d5fa338419034731416c4f5b219a10379956f764317fd47e"): _curve_changed,
    Hash("0x423f6495a08fc652425cf4ed0d1f9e37e571d9b9529b1c1c23cce780b2e7df0d"): _curve_changed,
    Hash("0xa49d4cf02656aebf8c771f5a8585638a2a15ee6c97cf7205d4208ed7c1df252d"): _curve_changed,
    Hash("0x173599dbf9c6ca6f7c3b590df07ae98a45d74ff54065505141e7de6c46a624c2"): _curve_changed,
    Hash("0x3f1915775e0c9a38a57a7bb7f1f9005f486fb904e1f84aa215364d567319a58d"): _curve_changed,
    Hash("0x9878ca375e106f2a43c3b599fc624568131c4c9a4ba66a14563715763be9d59d"): _curve_changed,
    Hash("0xb964b72f73f5ef5bf0fdc559b2fab9a7b12a39e47817a547f1f0aee47febd602"): _curve_changed,
    Hash("0x5ad056f2e28a8cec232015406b843668c1e36cda598127ec3b8c59b8c72773a0"): _curve_changed,
    Hash("0xa2b71ec6df949300b59aab36b55e189697b750119dd349fcfa8c0f779e83c254"): _curve_changed,
    Hash("0x46e22fb3709ad289f62ce63d469248536dbc78d82b84a3d7e74ad606dc201938"): _curve_changed,
    Hash("0xbe12859b636aed607d5230b2cc2711f68d70e51060e6cca1f575ef5d2fcc95d1"): _curve_changed,
}
