"""Training of the linear model that may raise the level of a turn."""
