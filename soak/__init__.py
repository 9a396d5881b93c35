"""
A keeper among nodes that fail: a proxy with faults, what must hold whatever happens, and a long run.
"""
