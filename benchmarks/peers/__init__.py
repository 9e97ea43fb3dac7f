"""What others would use in the ledger's place, each doing the same work and checked for the same answers."""
