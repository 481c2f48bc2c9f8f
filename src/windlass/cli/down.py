"""`windlass down`: end everything, and keep the records."""

from windlass.client import ClientError
from windlass.settings import Settings


def run(settings: Settings) -> None:
    """End control planes, replicas and gateway. Raises ClientError when something does not end."""
    from windlass.app.shutdown import StillRunning, end_everything

    if not settings.data_dir.is_dir():
        raise ClientError(f"There is no data directory {settings.data_dir}.")
    try:
        end_everything(settings)
    except StillRunning as error:
        raise ClientError(str(error)) from None
