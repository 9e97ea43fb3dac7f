"""Ports made real: Kafka, Redis, clocks, metrics."""
