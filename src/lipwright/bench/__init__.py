"""Measurements over a folder of clips: `python -m bench --help`, `make bench`."""
