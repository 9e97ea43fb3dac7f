"""GraphQL reads: the data of the REST reads, several in one question, within limits.

`schema.py` is what can be asked, of `skus.py`, `stores.py` and `sales.py`; `asked.py` is what these share,
`limits.py` how much may be asked, `endpoint.py` the address.
"""
