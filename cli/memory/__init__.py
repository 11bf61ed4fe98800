"""`hef memory`: what is stored of a person."""
