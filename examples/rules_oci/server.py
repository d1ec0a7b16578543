"""The example service: says which revision of itself is running."""

import json
import os
import sys
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def status(environment: Mapping[str, str]) -> dict[str, str]:
    """What the service says of itself.

    Cloud Run tells it: https://cloud.google.com/run/docs/container-contract#services-env-vars
    """
    return {
        "service": environment.get("K_SERVICE", "msp-example"),
        "revision": environment.get("K_REVISION", "local"),
    }


class Handler(BaseHTTPRequestHandler):
    """Answers every GET with the service's status."""

    def do_GET(self) -> None:
        """Writes the status as JSON."""
        body = json.dumps(status(os.environ)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serves on the port that Cloud Run gives in `PORT`."""
    server = ThreadingHTTPServer(("", int(os.environ.get("PORT", "8080"))), Handler)
    print(f"listening on port {server.server_address[1]}", file=sys.stderr, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
