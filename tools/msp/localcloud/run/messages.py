"""The messages of google.cloud.run.v2, as raw protobuf classes: `messages.Service`, ….

`google.cloud.run_v2.types` wraps each message (proto-plus), which is pleasant for clients and slow for a server.
"""

from google.cloud.run_v2 import types as _types

from msp.localcloud.methods import AnyMessage


def __getattr__(name: str) -> AnyMessage:
    wrapper = getattr(_types, name, None)
    if wrapper is None or not hasattr(wrapper, "pb"):
        raise AttributeError(f"google.cloud.run.v2 has no message {name}")
    globals()[name] = raw = wrapper.pb()
    return raw
