"""What is sold: plans and their prices."""
