"""What can go wrong between a client and the platform. Every text is a sentence for people."""


class ClientError(Exception):
    """Anything that this client raises on purpose."""


class NoPlatform(ClientError):
    """The data directory does not say where a platform is."""


class Unreachable(ClientError):
    """Nothing answers, or not in time; what was asked for may or may not have been done."""


class BadAnswer(ClientError):
    """What answers does not speak this API: a proxy, say, or another program on that port."""


class ApiError(ClientError):
    """The platform answered with an error, `{code, message, details?}` on the wire."""

    def __init__(
        self,
        code: int,
        message: str,
        details: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        """The HTTP status."""
        self.message = message
        self.details = details
        """What else is wrong, one thing a line."""
        self.request_id = request_id
        """What the platform's log calls this request."""

    def __str__(self) -> str:
        return self.message if not self.details else f"{self.message}\n{self.details}"


class NotFound(ApiError):
    """404: there is no such thing, or none that the caller may see."""


class Conflict(ApiError):
    """409: what exists stands in the way, such as a name that is taken."""


def api_error(
    code: int, message: str, details: str | None = None, request_id: str | None = None
) -> ApiError:
    """The most particular exception for an HTTP status."""
    kind = {404: NotFound, 409: Conflict}.get(code, ApiError)
    return kind(code, message, details, request_id)
