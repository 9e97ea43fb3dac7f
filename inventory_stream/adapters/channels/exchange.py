"""One HTTP exchange with a channel: bounded in time and bytes, its failures classified."""


class Exchanges:
    """Makes the connections of all accounts of a process."""
