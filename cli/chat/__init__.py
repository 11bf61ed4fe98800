"""`hef chat` and `hef reply`: a conversation in a terminal."""
