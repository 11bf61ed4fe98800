"""`hef bench`: speed and memory use."""
