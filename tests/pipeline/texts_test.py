"""Whatever a specification's texts hold, every generated file is well-formed and says what was meant."""

import json
import xml.etree.ElementTree as ET

import yaml
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from msp.pipeline.files import generate
from msp.spec import Spec

PLAIN = {
    "service": {"id": "msp-example", "name": "x", "owners": ["x"], "description": "An example."},
    "build": {"image": "ghcr.io/sourcegraph/msp-example", "source": {"repo": "x", "dir": "x"}},
    "rollout": {
        "stages": [
            {"environment": "dev", "promotionStrategy": {"type": "automatic", "automatic": {"delaySeconds": 1}}},
            {"environment": "prod"},
        ]
    },
    "environments": [
        {"id": name, "projectID": f"msp-example-{name}-0", "category": "test", "deploy": {"type": "rollout"}}
        for name in ("dev", "prod")
    ],
}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(
    lambda text: bool(text.strip())
)


@settings(max_examples=100, deadline=None, phases=[Phase.explicit, Phase.generate])
@example(name="\x1b a", owner="x", repo="a\x85b", directory="x")
@example(name="a\u2028b\x85c", owner="\ufffe", repo="\ufeff a", directory="x")
@given(name=TEXT, owner=TEXT, repo=TEXT, directory=TEXT)
def test_any_text_is_only_text(name: str, owner: str, repo: str, directory: str) -> None:
    tree = json.loads(json.dumps(PLAIN))
    tree["service"] |= {"name": name, "owners": [owner]}
    tree["build"]["source"] = {"repo": repo, "dir": directory}
    files = generate(Spec.model_validate_json(json.dumps(tree)), "us-central1", "service.yaml")

    documents = list(yaml.safe_load_all(files["clouddeploy.yaml"]))
    assert documents[3]["metadata"]["annotations"] == {"source.repository": repo}
    assert documents[3]["description"] == f"Delivers {name}"
    assert len(yaml.safe_load(files["iam.yaml"])["bindings"]) > 10
    terraform = json.loads(files["pipeline.tf.json"])
    description = terraform["resource"]["google_clouddeploy_delivery_pipeline"]["rollout"]["description"]
    assert description.replace("$${", "${").replace("%%{", "%{") == f"Delivers {name}"
    svg = ET.fromstring(files["pipeline.svg"])  # noqa: S314 - our own text
    assert len(list(svg.iter("{http://www.w3.org/2000/svg}text"))) == 9
    page = files["pipeline.md"].decode()
    assert page.count("\n# ") == 1
    assert page.count("\n## ") == 3
    assert len(files["pipeline.mmd"].decode().splitlines()) == 5
