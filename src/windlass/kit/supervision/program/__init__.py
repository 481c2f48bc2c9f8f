"""What the supervisor is made of: the standard library's small parts alone.

No `dataclasses`, `typing` or `subprocess` in here: each would cost every replica a megabyte.
"""
