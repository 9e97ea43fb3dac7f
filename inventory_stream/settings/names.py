"""How settings are named in the environment."""

from collections.abc import Iterable
from typing import Final

ENV_PREFIX: Final = "INVENTORY_STREAM_"
FILE_VARIABLE: Final = "INVENTORY_STREAM_SETTINGS_FILE"
SECRETS_VARIABLE: Final = "INVENTORY_STREAM_SECRETS_DIR"

# Variables of the prefix that are no settings: the loader's two, the folder of `devservers` for jars,
# and the folder of data that tests read.
OTHER_VARIABLES: Final = (
    FILE_VARIABLE,
    SECRETS_VARIABLE,
    "INVENTORY_STREAM_DEV_CACHE_DIR",
    "INVENTORY_STREAM_SHARED_DIR",
)


def variable(place: Iterable[str]) -> str:
    """Name the environment variable of a setting, given as section and field."""
    return ENV_PREFIX + "__".join(place).upper()
