"""Speed and memory use: the SEM, a turn, the memory, serving and the embedded engine."""
