"""The gateway under load, measured from outside over HTTP."""
