"""
The executor as its scripts compile it, once for all tests of a run: it takes five seconds.
"""

from functools import cache

from scripts._build import Artifact, compile_executor


@cache
def artifact() -> Artifact:
    """
    Return what the compiler makes of the sources.
    """
    return compile_executor()
