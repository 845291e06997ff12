"""Sets of cells, the value of a mask, look-ups, and operations on the planes of masks."""
