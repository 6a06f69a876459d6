"""Who pays, and the organization they pay."""
