"""Rated lines → invoices in whole minor units."""
