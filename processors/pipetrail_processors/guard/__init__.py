"""What guards the delivery line: what is understood of controls, reviews, roles and windows, whatever system tells it."""
