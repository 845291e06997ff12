"""What several targets have in common."""
