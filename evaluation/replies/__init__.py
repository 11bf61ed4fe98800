"""Evaluation of replies: metrics, blind pairs and verdicts."""
