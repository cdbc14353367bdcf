"""Back up the bucket with the files that documents refer to, and bring it back as it was at a moment."""
