"""Characters: who the companion is, as files that a host writes or takes over from character cards."""
