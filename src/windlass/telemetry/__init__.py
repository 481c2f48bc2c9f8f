"""Samples in, series out."""
