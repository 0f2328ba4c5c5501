"""What is said of labels: scores, the gate, ranking, health, answer keys, ways to clean."""
