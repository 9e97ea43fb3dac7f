"""GraphQL reads: the data of the REST reads, several in one question, within limits.

`schema.py` is what can be asked, `limits.py` how much of it, `endpoint.py` the address.
"""
