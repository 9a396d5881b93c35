"""
What people ask of a keeper besides to trade: each command in a module of its own, and what it shows apart from how.
"""
