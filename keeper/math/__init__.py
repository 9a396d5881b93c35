"""
On-chain arithmetic: one module per contract library, integers only. What reverts there raises `SwapReverts` here.
"""
