"""Runs images named `host/…` as processes of this machine: an explicit catalogue of commands."""
