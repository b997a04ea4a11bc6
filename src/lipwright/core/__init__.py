"""Values that travel between the rooms. Imports the standard library and numpy, nothing else."""
