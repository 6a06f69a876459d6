"""The engines: SQL lives here and nowhere else."""
