"""Readers: one per file format, each a `RowSource`, none holding the whole file in memory."""
