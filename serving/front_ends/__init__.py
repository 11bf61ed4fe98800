"""What front ends send in shapes of their own: who speaks, tasks, documents around a message, expressions."""
