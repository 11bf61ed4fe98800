"""The head that reads what a person feels now, in a chat that changes its subject: two layers over those of a SEM."""
