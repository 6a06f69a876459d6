"""Entitlements: what a customer may use, by what its subscriptions grant."""
