"""
The decision side over recorded logs, with no node.
"""
