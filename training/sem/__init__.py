"""Training of SEMs: network, loss, runs, heads and export."""
