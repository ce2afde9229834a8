"""Alarms, dashboard, and notifications by Slack, e-mail or a chat application."""
