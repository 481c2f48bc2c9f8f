"""Measurements of speed and size; each prints a table and writes JSON to bench/results/."""
