"""Chinese for a finished English SEM: new pieces in its vocabulary, trained to read as their translations do."""
