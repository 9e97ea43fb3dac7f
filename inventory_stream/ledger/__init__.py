"""The pure core: (state, command, now) -> outcome and rows. No I/O, no clock, no randomness."""
