"""
The most that all pools together give: the convex optimum that no set of routes exceeds. Pure.
"""
