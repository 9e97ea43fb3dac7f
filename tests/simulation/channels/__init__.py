"""One account of a channel in virtual time: a board, a shop that errs, owners that die, and a judge."""
