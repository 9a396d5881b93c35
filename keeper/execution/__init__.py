"""
From an opportunity to a transaction whose fate is known.
"""
