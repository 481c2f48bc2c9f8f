"""Signing in: credentials in, tokens out."""
