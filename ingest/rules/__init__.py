"""What the gate looks for in rows, series and whole blocks."""
