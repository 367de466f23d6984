"""Decide. Policies turn findings into decisions; pure, with no clock, no torch and no network."""
