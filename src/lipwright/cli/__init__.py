"""The command line: one file for each command, each calling `service`. Nothing heavy is imported until one runs."""
