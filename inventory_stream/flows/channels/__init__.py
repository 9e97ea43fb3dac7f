"""From the ledger's rows to what channels show, and from what they say back to commands."""
