"""Evaluation of emotion causes: words and spans that people marked."""
