"""The crowd before a sale: who waits, in which order, who may go in, and who hears of it.

`draw.py` is the order, `directory.py` which sales have a room, `lobby.py` one ticket at a time, `crowd.py`
all who are connected, `admitter.py` who goes in, `sale_stock.py` what there is to go in for.
"""
