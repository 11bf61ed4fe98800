"""What looks for danger: how a check is called, beside a judgement, too, and who is told of what it finds."""
