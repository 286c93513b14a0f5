"""What a login asks for beside the password: codes of an authenticator app, and recovery codes."""
