"""
Studies of recordings: cut into shards, spread over cores and machines, summed up, and checked on an EVM.
"""
