"""
The protocols of the localnet: one module each, with one function ``place(site)`` that puts the contracts at their real
addresses and opens the pools of universe.py.
"""
