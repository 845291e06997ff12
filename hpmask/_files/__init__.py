"""What all file formats need: atomic replacement, bounded decompression, digests, and HDUs with checksums."""
