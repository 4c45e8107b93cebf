"""What makes results, one file or folder a study. `lab.registry` finds what they offer; nothing else names them."""
