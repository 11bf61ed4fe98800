"""Training: what the SEM's runs and the adapter's runs share."""
