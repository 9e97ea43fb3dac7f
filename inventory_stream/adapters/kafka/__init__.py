"""The ledger's log on Kafka, and its hosting in Faust."""
