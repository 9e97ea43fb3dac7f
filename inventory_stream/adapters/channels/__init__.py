"""Adapters of channels: one file each, made by `registry.py`."""
