"""Live updates: what some SKUs show, pushed to many readers at once.

`hub.py` watches the shelf and writes each change once for all; `reader.py` is one connection; `sse.py`
and `socket.py` are the two ways in; `frames.py` has the bytes; `token.py` what a reader resumes with.
"""
