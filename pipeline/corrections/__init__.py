"""Decisions of people: the journal, votes, and what they change."""
