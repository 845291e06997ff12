"""Tables to discs (to be written)."""
