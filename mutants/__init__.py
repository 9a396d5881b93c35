"""
Whether the tests notice when a check of the executor is missing: it is broken in one place at a time, and tested.

A mutant is *killed* if a test fails on it or does not end, *invalid* if it does not compile, and *same* if the compiler
makes the executor's own code of it. Invalid and same ones are not counted.
"""
