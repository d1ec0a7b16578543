"""Cloud Deploy v1: its resources, what they do by themselves, and the table of its methods."""
