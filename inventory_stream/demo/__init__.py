"""The whole system on real till data, in one command."""
