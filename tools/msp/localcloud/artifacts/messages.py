"""The messages of google.devtools.artifactregistry.v1, as raw protobuf classes: `messages.Repository`, ….

`google.cloud.artifactregistry_v1.types` wraps each message (proto-plus), which is pleasant for clients and slow for a
server.
"""

from google.cloud.artifactregistry_v1 import types as _types

from msp.localcloud.methods import AnyMessage


def __getattr__(name: str) -> AnyMessage:
    wrapper = getattr(_types, name, None)
    if wrapper is None or not hasattr(wrapper, "pb"):
        raise AttributeError(f"google.devtools.artifactregistry.v1 has no message {name}")
    globals()[name] = raw = wrapper.pb()
    return raw
