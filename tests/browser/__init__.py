"""The sample storefront in a real browser, on a real gateway, ledger and broker."""
