"""Thin Faust shells: decode, hand to a flow, acknowledge. They decide nothing."""
