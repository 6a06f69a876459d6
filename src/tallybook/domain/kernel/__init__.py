"""What every room stands on: exact decimals, money, time, names, refusals."""
