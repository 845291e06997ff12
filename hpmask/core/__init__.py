"""Sets of cells, look-ups in them, and what is done to the planes of a mask."""
