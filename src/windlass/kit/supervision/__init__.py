"""Runs one process under a small supervisor that outlives whoever launched it.

Nothing is imported here, because the supervisor itself imports this package and must stay small:
use `specification` (what to supervise), `control` (launch and stop) and `observation`.
"""
