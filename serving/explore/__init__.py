"""A local page over the published file: any column of any mart, at any moment, back to the archived bytes."""
