"""How requests reach replicas: Envoy, and the gate that configures it and holds at zero."""
