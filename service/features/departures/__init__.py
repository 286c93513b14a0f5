"""Departures: people who leave for good, with all that ends by it; above every feature that has something to end."""
