"""For those who keep the course: what its runs cost, whether its errors are right, the card of its company."""
