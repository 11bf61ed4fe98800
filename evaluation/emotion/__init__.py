"""Evaluation of emotion recognition: the strategies side by side, fits, ablations and coverage."""
