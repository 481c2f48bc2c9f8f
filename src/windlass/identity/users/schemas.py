"""Bodies about users."""

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from windlass.identity.passwords import LONGEST_PASSWORD

# The published pattern.
EMAIL = r"^[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}$"
_LONGEST_EMAIL = 254

Email = Annotated[str, StringConstraints(pattern=EMAIL, max_length=_LONGEST_EMAIL)]


class _Body(BaseModel):
    model_config = ConfigDict(strict=True)


class UserCreationRequest(_Body):
    """`resetPassword` says whether the first password is good for one sign-in only."""

    email: Email
    resetPassword: bool | None = None  # noqa: N815
    notify: bool | None = None


class UserChangeRequest(_Body):
    """Whether the user may sign in."""

    enabled: bool


class PasswordChangeRequest(_Body):
    """A user's own choice."""

    currentPassword: Annotated[str, Field(max_length=LONGEST_PASSWORD)]  # noqa: N815
    newPassword: Annotated[str, Field(max_length=LONGEST_PASSWORD)]  # noqa: N815


def is_email(text: str) -> bool:
    """Whether a user may be named so."""
    return len(text) <= _LONGEST_EMAIL and re.fullmatch(EMAIL, text) is not None
