"""Chroma clients and collections: where they are, how they are opened, and how rows are read."""
