"""How far a classification can be trusted, and how well that is known."""
