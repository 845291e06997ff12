"""Files below their formats: atomic replacement, unpacking within limits, FITS units and checksums."""
