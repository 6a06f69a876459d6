"""Contracts in time: periods, cycles, changes."""
