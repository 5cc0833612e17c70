"""For those who keep the course: what its runs cost, the tolerances of its checks, the card of its company."""
