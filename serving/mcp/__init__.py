"""What an assistant can ask of the published file: tools of the Model Context Protocol; each answer of one release."""
