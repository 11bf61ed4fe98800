"""HEF behind the chat completions interface that most front ends speak (extra `serve`)."""
