"""The pages of each room."""
