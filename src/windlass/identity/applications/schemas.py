"""Bodies about applications."""

from pydantic import BaseModel, ConfigDict


class ApplicationChangeRequest(BaseModel):
    """Whether the application may sign in."""

    model_config = ConfigDict(strict=True)

    enabled: bool
