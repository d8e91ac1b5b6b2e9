"""Turns events into trails and findings: the pure core (enrich, correlate, detect) and the Faust application around it."""
