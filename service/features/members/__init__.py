"""Who belongs to a project, and how one comes to."""
