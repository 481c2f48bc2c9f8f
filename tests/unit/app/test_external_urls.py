"""Where users reach the platform through something in front of it, as options say it."""

import pytest
from pydantic import ValidationError

from windlass.settings import Settings


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("https://windlass.example.org", "https://windlass.example.org"),
        ("HTTPS://Windlass.example.org/", "https://windlass.example.org"),
        ("http://10.0.0.5:8443", "http://10.0.0.5:8443"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
    ],
)
def test_a_scheme_a_host_and_perhaps_a_port(given: str, read: str) -> None:
    settings = Settings(external_url=given, gateway_external_url=given)
    assert settings.external_url == settings.gateway_external_url == read


@pytest.mark.parametrize(
    "given",
    [
        "",
        "windlass.example.org",
        "ftp://windlass.example.org",
        "https://",
        "https://:8443",
        "https://windlass.example.org:port",
        "https://windlass.example.org:70000",
        "https://windlass.example.org/windlass",
        "https://windlass.example.org?x=1",
        "https://windlass.example.org#x",
        "https://user@windlass.example.org",
        "https://windlass example.org",
        "https://[2001:db8::1",
    ],
)
def test_anything_else_is_refused(given: str) -> None:
    with pytest.raises(ValidationError, match="such as https:"):
        Settings(external_url=given)
