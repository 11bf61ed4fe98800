"""Chroma's folder on disk: its lock, HNSW files, backups and compaction."""
