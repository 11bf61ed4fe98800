"""Training of SEMs: data, network, loop and export."""
