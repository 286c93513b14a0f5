"""Personal access tokens: what scripts and other programs sign in with on a person's behalf."""
