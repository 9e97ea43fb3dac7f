"""`python -m inventory_stream.cli`: the same as `inventory-stream`."""

from inventory_stream.cli import main

main()
