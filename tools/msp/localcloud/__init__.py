"""A local cloud: Cloud Deploy, Artifact Registry, an OCI registry and buckets on localhost.

    async with LocalCloud() as cloud:
        print(cloud.http_url, cloud.grpc_address)

Transports (`rest`, `grpc_server`, `http`) are built from tables of `methods`; state machines (`deploy`, `registry`,
`storage`, `artifacts`) know nothing of them; `store`, `engine` and `clock` are what state machines stand on.
Nothing here imports the project's tools: it is written against Google's and the OCI's own definitions, so that a
mistake in the tools cannot hide in the server that checks them.
"""

from msp.localcloud.cloud import LocalCloud

__all__ = ["LocalCloud"]
