"""Export of a large encoder's emotions in 4 bits, to be read on top of a smaller SEM."""
