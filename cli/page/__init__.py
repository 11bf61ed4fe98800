"""`hef ui`: the page, its address and its conversations."""
