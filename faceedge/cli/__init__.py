"""The `faceedge` command."""
