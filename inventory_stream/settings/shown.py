"""What of a setting may be shown."""

import re
from typing import Final

_PASSWORD: Final = re.compile(r"(?<=//)([^:@/]*):.*@|(?<=[?&]password=)[^&]*")


def without_password(url: str) -> str:
    """Give a URL as it may be shown."""
    return _PASSWORD.sub(lambda found: "***" if found[1] is None else f"{found[1]}:***@", url)
