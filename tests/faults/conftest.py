from tests.keeper_process import keeper, net

__all__ = ["keeper", "net"]
