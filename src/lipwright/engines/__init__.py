"""Ways of moving lips. `base` is the contract; each engine is a folder and enters through `plugins`."""
