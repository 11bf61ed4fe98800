"""How a check of danger is called, and what of a finding is told and written."""
