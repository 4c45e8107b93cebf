"""What limits S3: ideas from public code and of our own, each passes in one file, compared by experiment `limits`."""
