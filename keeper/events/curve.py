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


def _curve_crypto_ng_exchange(log: Log) -> CurveExchange:
    """As a plain pool's, and the fee and the price scale in two more words."""
    sold_id, tokens_sold, bought_id, tokens_bought = words(log, 2, 6)[:4]
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
    # Of StableSwap NG: liquidity of any number of coins, of one coin, ApplyNewFee.
    Hash("0x189c623b666b1b45b83d7178f39b8c087cb09774317ca2f53c2d3c3726f222a2"): _curve_changed,
    Hash("0x347ad828e58cbe534d8f6b67985d791360756b18f0d95fd9f197a66cc46480ea"): _curve_changed,
    Hash("0x3631c28b1f9dd213e0319fb167b554d76b6c283a41143eb400a0d1adb1af1755"): _curve_changed,
    Hash("0x6f48129db1f37ccb9cc5dd7e119cb32750cabdf75b48375d730d26ce3659bbe1"): _curve_changed,
    Hash("0x750d10a7f37466ce785ee6bcb604aac543358db42afbcc332a3c12a49c80bf6d"): _curve_changed,
    # Of cryptoswap pools: a swap of tricrypto of 2021, of NG; liquidity of three and two coins, of one coin,
    # RampAgamma, StopRampA, NewParameters, ClaimAdminFee.
    Hash("0xb2e76ae99761dc136e598d4a629bb347eccb9532a5f8bbd72e18467c3c34cc98"): _curve_exchange,
    Hash("0x143f1f8e861fbdeddd5b46e844b7d3ac7b86a122f36e8c463859ee6811b1f29c"): _curve_crypto_ng_exchange,
    Hash("0x96b486485420b963edd3fdec0b0195730035600feb7de6f544383d7950fa97ee"): _curve_changed,
    Hash("0xe1b60455bd9e33720b547f60e4e0cfbf1252d0f2ee0147d53029945f39fe3c1a"): _curve_changed,
    Hash("0x7196cbf63df1f2ec20638e683ebe51d18260be510592ee1e2efe3f3cfd4c33e9"): _curve_changed,
    Hash("0xd6cc314a0b1e3b2579f8e64248e82434072e8271290eef8ad0886709304195f5"): _curve_changed,
    Hash("0xdd3c0336a16f1b64f172b7bb0dad5b2b3c7c76f91e8c4aafd6aae60dce800153"): _curve_changed,
    Hash("0xe200e24d4a4c7cd367dd9befe394dc8a14e6d58c88ff5e2f512d65a9e0aa9c5c"): _curve_changed,
    Hash("0xe35f0559b0642164e286b30df2077ec3a05426617a25db7578fd20ba39a6cd05"): _curve_changed,
    Hash("0x5f0e7fba3d100c9e19446e1c92fe436f0a9a22fe99669360e4fdd6d3de2fc284"): _curve_changed,
    Hash("0x1c65bbdc939f346e5d6f0bde1f072819947438d4fc7b182cc59c2f6dc5504087"): _curve_changed,
    Hash("0xa32137411fc7c20db359079cd84af0e2cad58cd7a182a8a5e23e08e554e88bf0"): _curve_changed,
    Hash("0x6059a38198b1dc42b3791087d1ff0fbd72b3179553c25f678cd246f52ffaaf59"): _curve_changed,
    Hash("0x3bbd5f2f4711532d6e9ee88dfdf2f1468e9a4c3ae5e14d2e1a67bf4242d008d0"): _curve_changed,
}
