"""The roof: puts the parts together, and nothing else."""
