"""The OpenAPI 3.1 document, made from the endpoints themselves.

`document.py` puts it together; `parameters.py`, `answers.py` and `headers.py` are its parts; `streams.py`
describes what is no `Endpoint`; `examples.py` has requests that work.
"""
