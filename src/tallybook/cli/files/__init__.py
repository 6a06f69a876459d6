"""Usage files, row by row: one module for each format, found through `formats`."""
