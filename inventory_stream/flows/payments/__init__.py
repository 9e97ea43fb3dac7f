"""Payment events: which commands they mean, and what came of them."""
