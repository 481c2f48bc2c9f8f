"""Names of what programs sign in with."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

# The published pattern.
_PATTERN = r"^[a-z][-_a-z0-9]*[a-z0-9]$"
_LONGEST = 63

CredentialName = Annotated[str, StringConstraints(pattern=_PATTERN, max_length=_LONGEST)]


class NamedCreationRequest(BaseModel):
    """The body that creates a service account or an access key."""

    model_config = ConfigDict(strict=True)

    name: CredentialName
