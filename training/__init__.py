"""How the articulation network and the shape basis are made. Needs torch; never imported by the package."""
