"""Find, track and pose faces; the shared shape of mouths."""
