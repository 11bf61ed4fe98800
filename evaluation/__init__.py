"""Evaluation: how well HEF and its halves recognise emotions and cause words, on any file in the data's format."""
