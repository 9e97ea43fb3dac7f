"""A clock that tests set."""


class Seconds:
    """Gives the seconds that `now` was set to."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Give them."""
        return self.now
