"""The heads on the SEM's frozen trunk: emotion causes and sentence embeddings."""
