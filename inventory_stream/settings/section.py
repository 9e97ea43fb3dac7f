"""What every section of the settings is."""

from typing import Final

from pydantic import BaseModel, ConfigDict

DAY_SECONDS: Final = 86_400


class Section(BaseModel):
    """One section: frozen, and a name that it does not know is an error."""

    # An error's own text would hold the input, secrets too; load.py shows what may be shown.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
