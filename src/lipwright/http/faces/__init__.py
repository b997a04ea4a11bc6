"""One file for each API that is spoken: it translates, and decides nothing."""
