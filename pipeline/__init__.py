"""Which labels in a text dataset are wrong, and does cleaning them help?"""

__version__ = "0.1.0"
