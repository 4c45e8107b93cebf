"""What every study and every claim needs."""
