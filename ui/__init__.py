"""A page to talk with HEF, and to see and manage what it understood and remembers (extra `ui`)."""
