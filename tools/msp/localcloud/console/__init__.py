"""The console at `/`: the fleet, each service and each release, live, with buttons for what one does with them.

The pages show what the modules here say and act through the same REST API as every other client.
"""

from msp.localcloud.console.routes import routes

__all__ = ["routes"]
