"""A package of a user's: its classes are known to whoever imports it."""
