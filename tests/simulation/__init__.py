"""The whole of one partition in virtual time: real flow, real ledger, real claims; see docs/simulation.md."""
