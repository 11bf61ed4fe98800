"""HTML of the page: the conversation, what was understood, the memory, the timeline."""
