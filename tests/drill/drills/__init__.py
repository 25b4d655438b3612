"""All drills, by the person who is told. Importing them registers them."""

from . import chaos, data, exporter, hub, risk, sre, trading  # noqa: F401
