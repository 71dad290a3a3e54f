"""Hostile servers, and what the providers make of them."""
