"""Who helps in which country, what is said to somebody in danger, and how often that was needed."""
