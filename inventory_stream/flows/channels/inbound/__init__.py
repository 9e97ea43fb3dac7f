"""What channels tell becomes commands of the ledger; see taking.py for how to call it."""
