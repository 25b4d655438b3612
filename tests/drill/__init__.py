"""The drill: from a fault on a trading host to a message on a phone, through the real exporter, Prometheus, Alertmanager and bridge.
docs/drills.md says what it does; scripts/drill starts it."""
