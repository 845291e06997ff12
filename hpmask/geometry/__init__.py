"""Cells of HEALPix, and the frames and positions that users give."""
