"""What every feature speaks: refusals, events, actors and the ports they share. Standard library and msgspec only."""
