"""Lipwright: the same footage, its lips saying what you give it."""
