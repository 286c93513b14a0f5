"""What was done, as the events tell it: the history of a task."""
