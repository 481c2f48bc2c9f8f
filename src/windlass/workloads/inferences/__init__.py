"""Inference workloads: model endpoints that replicas of one container serve."""
