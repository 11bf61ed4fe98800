"""Folders and files on disk that hold what people said."""
