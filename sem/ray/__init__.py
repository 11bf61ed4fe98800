"""SEMs on a Ray cluster: a Ray Serve deployment, and batch inference over a corpus."""
