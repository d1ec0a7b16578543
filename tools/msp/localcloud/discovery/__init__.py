"""Google's API discovery: documents that tell a client which methods there are and what they take.

They are made from the tables of methods and the messages' descriptors, so that they hold what is served here, no more.
"""

from msp.localcloud.discovery.document import Api, apis, document
from msp.localcloud.discovery.routes import routes

__all__ = ["Api", "apis", "document", "routes"]
