"""What every section of the settings is."""

from typing import Final

from pydantic import BaseModel, ConfigDict

DAY_SECONDS: Final = 86_400


class Section(BaseModel):
    """One section: frozen, and a name that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
