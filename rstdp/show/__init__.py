"""For people to look at: figures in one style, animations, what features look for, and the command line."""
