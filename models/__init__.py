"""The words of inventory_stream: commands, outcomes and ledger rows, with their wire forms.

Everything here is a plain struct or a pure function and imports nothing of ours, so that a
producer in another service can depend on `models` alone.
"""
