"""HEALPix cells, coordinate frames, and positions given by users."""
