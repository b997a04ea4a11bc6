"""Reports put on a page: plain values in, one file of HTML out that loads nothing from anywhere."""
