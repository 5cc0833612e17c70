"""analyse: who the users are, what they like, when they come and why they leave."""
