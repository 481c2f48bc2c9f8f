"""Runs one process under a small supervisor that outlives whoever launched it.

Nothing is imported here, because the supervisor itself imports this package and must stay small:
use `windlass.kit.supervision.specification` and `windlass.kit.supervision.control`.
"""
