"""Bodies about identity providers."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Alias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]+$", max_length=63)]
Scope = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9\-._:]+$", max_length=255)]
Text = Annotated[str, Field(min_length=1, max_length=1000)]


class _Body(BaseModel):
    model_config = ConfigDict(strict=True)


class MandatoryClaim(_Body):
    """Only users with one of these values may sign in."""

    claim: Text
    values: Annotated[list[Text], Field(min_length=1, max_length=100)]


class OidcData(_Body):
    """How the platform is known at the provider."""

    clientId: Text  # noqa: N815
    clientSecret: Text  # noqa: N815
    discoverDocumentUrl: Annotated[  # noqa: N815
        str, StringConstraints(pattern=r"^https?://[^\s]+$", max_length=1000)
    ]
    scopes: Annotated[list[Scope], Field(max_length=50)] | None = None
    mandatoryClaim: MandatoryClaim | None = None  # noqa: N815


class Mappers(_Body):
    """Which claim says what; what is left out keeps its usual name."""

    alias: str | None = None
    email: Text | None = None
    groups: Text | None = None
    uid: Text | None = None
    gid: Text | None = None
    supplementaryGroups: Text | None = None  # noqa: N815

    def kept(self) -> dict[str, str]:
        """Those that are given."""
        found: dict[str, Any] = self.model_dump(exclude_none=True, exclude={"alias"})
        return found


class ProviderRequest(_Body):
    """Creates or replaces a provider."""

    name: Alias | None = None
    type: str
    oidcData: OidcData | None = None  # noqa: N815
    mappers: Mappers | None = None
