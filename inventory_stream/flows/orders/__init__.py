"""Orders of many lines: a saga over reservations, each decided by the ledger alone."""
