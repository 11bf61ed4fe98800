"""What all settings of a run share: how wrong names and values are refused; weights of recall and of pooling."""
