"""Training of the linear model and of the network that may raise the level of a turn."""
