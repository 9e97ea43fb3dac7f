"""Who asks, whether they may, and how often: what stands between the network and the endpoints.

`guard.py` puts the parts together for `app.py`; docs/http/security.md is the page for operators.
"""
