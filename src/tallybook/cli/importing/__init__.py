"""From the rows of a file to events sent: mapping, times, identities, sending, resuming."""
