"""Windlass runs GPU workloads: one machine to start, a Kubernetes fleet when it is outgrown."""

__version__ = "0.1.0"
