"""Who did what, where, and with what result."""
