"""Runs replicas on this machine."""
