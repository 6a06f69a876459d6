"""Usage-based billing a company can trust with its money."""

from importlib.metadata import version

__version__ = version("tallybook")
