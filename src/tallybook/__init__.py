"""Usage-based billing a company can trust with its money."""
