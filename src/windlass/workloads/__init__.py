"""Workloads: what every kind shares. Each kind has a folder of its own inside."""
