"""`$(NAME)` is expanded as Kubernetes does."""

import pytest

from windlass.engines.local.expansion import expand

VARIABLES = {"PORT": "20001", "MODEL": "llama $(PORT)", "EMPTY": ""}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("--port=$(PORT)", "--port=20001"),
        ("$(PORT)$(PORT)", "2000120001"),
        ("$$(PORT)", "$(PORT)"),
        ("$$$(PORT)", "$20001"),
        ("$$$$(PORT)", "$$(PORT)"),
        ("$(UNKNOWN)", "$(UNKNOWN)"),
        ("$(EMPTY)|", "|"),
        ("$(MODEL)", "llama $(PORT)"),
        ("$(PORT", "$(PORT"),
        ("$PORT and ${PORT}", "$PORT and ${PORT}"),
        ("a $ alone", "a $ alone"),
        ("costs 5$", "costs 5$"),
        ("costs 5$$", "costs 5$"),
        ("$()", "$()"),
        ("", ""),
    ],
)
def test_references_are_resolved(text: str, expanded: str) -> None:
    assert expand(text, VARIABLES) == expanded
