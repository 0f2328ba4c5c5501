"""Label issues and decisions handed to other tools, and decisions taken back from them."""
