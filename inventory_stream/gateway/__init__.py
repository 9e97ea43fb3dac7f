"""The HTTP side: everything that answers a request. Built by bootstrap, run by `inventory-stream gateway`.

`endpoint.py` says what an endpoint is; each module of `routes/` holds the endpoints of one resource.
"""
