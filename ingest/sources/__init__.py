"""The publishers, a folder each: its declaration, its code, perhaps a small made-up sample of its format."""
