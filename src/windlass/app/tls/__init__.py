"""TLS at the API and the gateway: one certificate with its key, from files that may change."""
