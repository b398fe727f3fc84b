"""What several scores share; not methods of their own."""
