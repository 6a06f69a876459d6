"""Usage events, their identity and the verdicts on them."""
