"""
The DEXes of a chain: which pools there are, found by asking their factories, and which of them are not to be traded.
"""

from keeper.registry.created import Created, LogFilter, as_request, creation_filters, creation_of, creation_topics
from keeper.registry.found import Found, discover, gathered, read_pools
from keeper.registry.metadata import METADATA, metadata_of, metadata_reading
from keeper.registry.rules import Rules, illiquid, traded
from keeper.registry.topics import topics_of
from keeper.registry.window import TICK_RADIUS

__all__ = [
    "METADATA",
    "TICK_RADIUS",
    "Created",
    "Found",
    "LogFilter",
    "Rules",
    "as_request",
    "creation_filters",
    "creation_of",
    "creation_topics",
    "discover",
    "gathered",
    "illiquid",
    "metadata_of",
    "metadata_reading",
    "read_pools",
    "topics_of",
    "traded",
]
