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
ARRIVAL_FILTER = "windlass.arrival"
STRAIGHT_SLOT_FILTER = "windlass.straight_slot"
LENT_SLOT_FILTER = "windlass.lent_slot"
UPLOAD_FILTER = "windlass.upload"
SLOT_FILTER = "windlass.slot"
GATE_CLUSTER = "gate"
HOLDS_CLUSTER = "gate-holds"
SLOTS_CLUSTER = "gate-slots"

TOKEN_REQUIREMENT = "signed-in"
"""The requirement that routes name when only signed-in callers may pass."""

GROUPS_REQUIREMENT = "signed-in-groups"
"""The same for routes that ask which groups a caller is in."""

CLAIMS = "claims"
"""Where the filter of tokens leaves all claims of a token for the filter of callers, by the second
requirement alone: it copies them for each request."""

USER_CLAIM, SESSION_CLAIM, GENERATION_CLAIM = "email", "sid", "gen"
CLAIM_HEADERS = {
    claim: f"x-windlass-claim-{claim}" for claim in (USER_CLAIM, SESSION_CLAIM, GENERATION_CLAIM)
}
"""By claim, where the filter of tokens leaves its text for the filters after it. They neither come
from clients nor reach replicas."""

ARRIVAL_HEADER = "x-windlass-arrival"
"""Of a request that may wait: when it arrived, on which connection, and at which workload."""

ARRIVED = "%START_TIME(%s.%9f)% %CONNECTION_ID%"
"""The first two of these, in words that Envoy fills in."""

ASKS_HEADER = "x-windlass-asks"
ASKS, ASKS_AT_LENGTH = "shortly", "at-length"
"""Marks a request that needs a slot where it came in, and of these tells apart long uploads. It
neither comes from clients nor reaches replicas."""

UNREACHED_HEADER = "x-windlass-unreached"
"""In an inner listener's answer, where no byte of the request reached the replica: it is tried
again. In a request, that it went straight to a replica and did not reach it, and so that its caller
was found to be one who may call. It neither comes from replicas or clients nor reaches them."""

REMAINING_HEADER = "x-envoy-upstream-rq-per-try-timeout-ms"
"""What is left of a request's time-out when it goes to its replica: Envoy's own word for it."""

TOO_LATE = "The request was not answered within its time-out."

LENDS = "lends-slots"
"""In what Envoy says of itself: it can hand out slots that the gate has lent."""

SLOT = "replica"
"""In a request's metadata, under the slot filter's name: the address it may go to."""

ERA = "era"
"""Beside it, where the slot is lent once the request has ended: since when the gate lends."""

REVOKED_POLICY = "revoked"
"""What the filter of revoked tokens refuses by, which tells its refusals from others."""

SERVED = "served"
"""In a route's metadata: some workload is served here."""

KEY = "key"
"""Beside it, where a request may have to find the same way once more: a key that leads here."""

WORKLOAD = "workload"
"""The key under which a held request tells the gate whose it is, and a route's metadata."""

LONGEST_SECONDS = 365 * 24 * 3600
"""No time-out is longer, so that none overflows a timer."""

NOT_HERE = "No workload is served at this address."

SIZE_HEADERS = ("content-length", "transfer-encoding")
"""Tell how large a request's body is, or that nobody knows."""
