"""
A keeper that earns from price differences between the DEXes of Arbitrum One.
"""

__version__ = "0.1.0"
