"""Masks to the pixels of WCS images, and back."""
