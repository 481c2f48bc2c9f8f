"""What the gate and its client agree on: gRPC on a Unix socket, with JSON for messages."""

import grpc

SERVICE = "windlass.gateway.Gate"
STALE_EPOCH = grpc.StatusCode.FAILED_PRECONDITION
ADDRESS_IN_USE = grpc.StatusCode.ALREADY_EXISTS
UNACKNOWLEDGED = grpc.StatusCode.ABORTED
UNBOUNDED_MESSAGES = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
]
