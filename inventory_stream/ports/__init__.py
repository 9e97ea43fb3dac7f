"""What flows need of the outside world, as Protocols."""
