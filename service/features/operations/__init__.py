"""What operators and monitors ask: health, version, the meaning of problems."""
