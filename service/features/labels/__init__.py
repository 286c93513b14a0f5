"""Labels of a project, to sort its tasks by."""
