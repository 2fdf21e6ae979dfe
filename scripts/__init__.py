"""Commands for people who work on tidegauge; the product does not import them."""
