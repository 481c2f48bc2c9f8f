"""The gate: tells Envoy what to route where, and holds requests that have no replica yet."""
