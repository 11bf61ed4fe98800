"""`hef serve` and `hef mcp`: parts of HEF as services."""
