"""`hef evaluate`: figures on any file of the data's form."""
