"""Secrets by reference: read where they are used, never shown."""


class Secrets:
    """The secrets of one integration."""
