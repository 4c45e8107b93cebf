"""Every step of learning compared: the compiled path with stepping through time, and with SpykeTorch."""
