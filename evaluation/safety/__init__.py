"""The safety rules measured: recall of danger and concern by kind, and harmless turns that are raised."""
