"""The console page at `/`: pipelines, releases and rollouts, live, with buttons for what one does with them.

The page shows what `overview` says and acts through the same REST API as every other client.
"""

from msp.localcloud.console.routes import routes

__all__ = ["routes"]
