"""
Everything that talks to a node.
"""
