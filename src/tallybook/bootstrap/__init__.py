"""Configuration and wiring: the only floor that knows all."""
