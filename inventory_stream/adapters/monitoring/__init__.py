"""How a process shows itself: Prometheus metrics, liveness, readiness."""
