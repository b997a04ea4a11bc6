"""What can be measured and shown of a result: one file each."""
