"""Names that Envoy's bootstrap and the gate's resources must agree on."""

ROUTE_KEY_HEADER = "x-windlass-route"
"""Carries the scope a request belongs to, inside Envoy only: set over whatever a client sent, and
removed before a replica sees the request."""

INNER_HEADER = "x-windlass-inner"
"""Marks a request at an inner listener; like the key, it neither comes from clients nor reaches a
replica."""

INTERNAL_HEADER = "x-windlass-internal"
"""Marks a request that came by the internal gateway; it, too, never leaves Envoy."""

CERTIFICATE_SECRET = "gateway"
"""The certificate of the outer gateway, and of listeners of one route."""

ROUTE_KEY_FILTER = "windlass.route_key"
TOKEN_FILTER = "windlass.token"
REVOKED_FILTER = "windlass.revoked"
CALLERS_FILTER = "windlass.callers"
CALLER_FILTERS = (TOKEN_FILTER, REVOKED_FILTER, CALLERS_FILTER)
HOLD_FILTER = "windlass.hold"
SLOT_FILTER = "windlass.slot"
GATE_CLUSTER = "gate"
SLOTS_CLUSTER = "gate-slots"

TOKEN_REQUIREMENT = "signed-in"
"""The requirement that routes name when only signed-in callers may pass."""

CLAIMS = "claims"
"""Where the filter of tokens leaves a token's claims for the filter of callers."""

ARRIVAL_HEADER = "x-windlass-arrival"
"""On the way to an inner listener: when a request arrived, on which connection, and at which
workload."""

UNREACHED_HEADER = "x-windlass-unreached"
"""In an inner listener's answer, where no byte of the request reached the replica: it is tried
again. It neither comes from replicas nor reaches clients."""

SLOT = "replica"
"""In a request's metadata, under the slot filter's name: the address it may go to."""

REVOKED_POLICY = "revoked"
"""What the filter of revoked tokens refuses by, which tells its refusals from others."""

SERVED = "served"
"""In a route's metadata: some workload is served here."""

WORKLOAD = "workload"
"""The key under which a held request tells the gate whose it is."""

LONGEST_SECONDS = 365 * 24 * 3600
"""No time-out is longer, so that none overflows a timer."""

NOT_HERE = "No workload is served at this address."

SIZE_HEADERS = ("content-length", "transfer-encoding")
"""Tell how large a request's body is, or that nobody knows."""
