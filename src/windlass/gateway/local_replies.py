"""Envoy's own answers, where no replica gives one."""

from typing import Any

from windlass.gateway.header_values import header_value
from windlass.gateway.names import NOT_HERE, REVOKED_POLICY, UNREACHED_HEADER

_EXTENSIONS = "type.googleapis.com/envoy.extensions"


def local_replies(at_inner: bool) -> dict[str, Any]:
    """Every answer of Envoy's own has the shape of the platform's errors; to gRPC clients, which
    are told by `grpc-status` and `grpc-message`, it is the message alone."""
    nobody = "No replica could be reached."
    mappers = [
        (_status_is(408), "The request was not answered within its time-out.", 504),
        (_status_is(504), "The request was not answered within its time-out.", None),
        (_flags("NR"), NOT_HERE, None),
        (_flags("UC", "UR"), "The replica ended the connection before it answered.", 503),
        (_flags("UH", "UF", "URX"), nobody, 503),
        # Of a body that went on while it was to be tried again, and that is too large to be kept.
        (_status_is(507), nobody, 503),
        (_status_is(400), "The request is not valid HTTP: %RESPONSE_CODE_DETAILS%", None),
        (_was_revoked(), "The token has been revoked. Sign in again.", 401),
        (_status_is(403), "The token's owner may not call this workload.", None),
    ]
    # What sent a request to an inner listener takes this for a try that failed.
    unreached = {"headers_to_add": [header_value(UNREACHED_HEADER, "yes")]} if at_inner else {}
    failed = _flags("UH", "UF")
    whatever = "%LOCAL_REPLY_BODY%"
    return {
        "mappers": [
            {**_mapper(_both(_is_grpc(), failed), _text(nobody), 503), **unreached},
            *(_mapper(_both(_is_grpc(), each[0]), _text(each[1]), each[2]) for each in mappers),
            _mapper(_is_grpc(), _text(whatever), None),
            {**_mapper(failed, _error_shape(nobody), 503), **unreached},
            *(_mapper(each[0], _error_shape(each[1]), each[2]) for each in mappers),
        ],
        "body_format": _error_shape(whatever),
    }


def _mapper(condition: dict[str, Any], body: dict[str, Any], status: int | None) -> dict[str, Any]:
    mapper: dict[str, Any] = {"filter": condition, "body_format_override": body}
    if status == 401:
        mapper["headers_to_add"] = [
            header_value("www-authenticate", 'Bearer error="invalid_token"')
        ]
    return mapper if status is None else {**mapper, "status_code": status}


def _was_revoked() -> dict[str, Any]:
    """Whether the filter of revoked tokens refused: Envoy's details name the policy."""
    expression = f"response.code_details.endsWith('[{REVOKED_POLICY}]')"
    return {
        "extension_filter": {
            "name": "envoy.access_loggers.extension_filters.cel",
            "typed_config": {
                "@type": f"{_EXTENSIONS}.access_loggers.filters.cel.v3.ExpressionFilter",
                "expression": expression,
            },
        }
    }


def _both(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    return {"and_filter": {"filters": [first, second]}}


def _is_grpc() -> dict[str, Any]:
    prefix = {"prefix": "application/grpc"}
    return {"header_filter": {"header": {"name": "content-type", "string_match": prefix}}}


def _text(message: str) -> dict[str, Any]:
    return {"text_format_source": {"inline_string": message}}


def _error_shape(message: str) -> dict[str, Any]:
    return {"json_format": {"code": "%RESPONSE_CODE%", "message": message}}


def _flags(*flags: str) -> dict[str, Any]:
    return {"response_flag_filter": {"flags": list(flags)}}


def _status_is(code: int) -> dict[str, Any]:
    value = {"default_value": code, "runtime_key": f"windlass.status.{code}"}
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": value}}}
