"""Dilation and erosion, connected components, and distances to the edge."""
