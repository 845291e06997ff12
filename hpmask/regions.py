"""astropy regions, ds9 and CRTF text to shapes (to be written)."""
