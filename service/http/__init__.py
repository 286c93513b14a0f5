"""What every endpoint shares; knows no feature."""
