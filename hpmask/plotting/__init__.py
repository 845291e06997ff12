"""Pictures of masks, static and with a slider."""
