"""Technology behind the ports; knows no feature."""
