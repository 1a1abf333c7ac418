"""What a sample item is and which rules it has. Imports the standard library only."""
