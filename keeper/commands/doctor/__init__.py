"""
``keeper doctor``: whether everything that a keeper relies on is as its settings, records and facts say.

Nothing is signed, sent or written. Every finding says what was found, and what to do where that is not well.
"""
