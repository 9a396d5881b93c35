"""
What people see of the keeper. Nothing here decides anything.
"""
