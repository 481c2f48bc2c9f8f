"""How identity providers look on the wire."""

from typing import Any

from sqlalchemy import Row

from windlass.identity.providers.service import HIDDEN_SECRET, OIDC, mappers_of


def provider_view(row: Row[Any], redirect_uri: str) -> dict[str, Any]:
    """A provider, without its secret."""
    data = {
        "clientId": row.client_id,
        "clientSecret": HIDDEN_SECRET,
        "discoverDocumentUrl": row.discovery_url,
        "scopes": row.scopes,
        "mandatoryClaim": row.mandatory_claim,
    }
    return {
        "alias": row.alias,
        "type": OIDC,
        "redirectUri": redirect_uri,
        "oidcData": data,
        "mappers": mappers_view(row),
    }


def mappers_view(row: Row[Any]) -> dict[str, Any]:
    """Which claim says what."""
    return {"alias": row.alias, **mappers_of(row)}
