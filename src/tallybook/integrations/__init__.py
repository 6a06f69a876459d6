"""Vendors, each unaware of the others."""
