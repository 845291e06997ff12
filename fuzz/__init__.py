"""Coverage-guided fuzzing of everything that hpmask reads. See README.md in this folder."""
