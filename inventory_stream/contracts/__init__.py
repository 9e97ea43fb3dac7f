"""What outside teams build on, generated from the code that keeps it: docs/contracts/."""
