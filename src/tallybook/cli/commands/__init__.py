"""One module of commands per room."""
