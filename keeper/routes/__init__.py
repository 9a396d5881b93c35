"""
Cycles of swaps: found on logarithms of rates, sized on the exact models.
"""
