"""One cell of a mart, explained: what it is, how it was computed, from which inputs, and the archived bytes of each."""
