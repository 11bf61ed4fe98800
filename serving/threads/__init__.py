"""Which conversation and which turn a transcript is: fingerprints, and the table of the turns that were asked for."""
