"""Used by all file formats: atomic replacement, bounded decompression, digests, and HDUs with checksums."""
