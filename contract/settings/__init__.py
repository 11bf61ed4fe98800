"""What all settings of a run share: how wrong names and values are refused; and the weights of recall."""
