"""Fake servers of the channels, to try them without an account and to prove the adapters."""
