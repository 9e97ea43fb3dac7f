"""inventory_stream: one ledger that says how many units can still be sold, and where."""
