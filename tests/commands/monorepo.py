"""A repository with one service, ours or one that has rules_msp for a module, and a Bazel that stands in for it."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import yaml
from tests.delivery.conftest import World, write_layout

from msp.spec import load

ROOT = Path(__file__).parents[2]
TOOLS = ("apply", "deploy", "deploy_local", "diff", "generate", "local_cloud", "validate")
OURS, CONSUMERS = "//tools", "@rules_msp//tools"


@dataclasses.dataclass
class Monorepo:
    """A checkout whose package `svc` has what the documentation calls `//svc`.

    Attributes:
        world: The service and its cloud.
        tools: The package of the tools, as this repository writes it: `//tools` in ours.
        with_spec: Whether `msp_deploy` has a `spec`.
        region: The region of the service's pipeline.
    """

    world: World
    tools: str = CONSUMERS
    with_spec: bool = True
    region: str = "us-central1"

    @property
    def root(self) -> Path:
        """The checkout."""
        return self.world.tmp_path / "monorepo"

    @property
    def programs(self) -> Path:
        """What is on PATH there besides the machine's own."""
        return self.world.tmp_path / "programs"

    @property
    def address(self) -> str:
        """`HOST:PORT` of the local cloud."""
        return self.world.cloud.http_url.removeprefix("http://")

    def make(self) -> "Monorepo":
        """Writes everything, and commits it."""
        svc, files = self.root / "svc", self.programs / "runfiles/_main/svc"
        svc.mkdir(parents=True)
        files.mkdir(parents=True)
        (self.root / "MODULE.bazel").touch()
        specification = svc / "service.yaml"
        specification.write_text(self._specification())
        spec = load(specification)
        (files / "spec.spec.json").write_text(spec.canonical_json())
        (self.root / "pipeline.yaml").write_text("")
        write_layout(files / "image", b"layer")
        self._write_configs(files)
        self._write_bazel()
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=Count faster")
        return self

    def git(self, *arguments: str) -> str:
        """Runs git in the checkout, as nobody in particular."""
        who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.world.tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(
            ["git", *who, *arguments], cwd=self.root, env=environment, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def new_image(self, *layers: bytes) -> None:
        """Has the service's image built anew."""
        image = self.programs / "runfiles/_main/svc/image"
        image.rename(self.world.tmp_path / f"old-image-{next(self.world.images)}")
        write_layout(image, *layers)

    def program(self, name: str, script: str) -> None:
        """Puts a program on PATH."""
        path = self.programs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def configure(self, **fields: object) -> None:
        """Changes what the BUILD file says of the delivery."""
        config = self.programs / "runfiles/_main/svc/msp_deploy.json"
        config.write_text(json.dumps({**json.loads(config.read_text()), **fields}))

    def _specification(self) -> str:
        world = self.world
        stages = [
            {"environment": "staging", "promotionStrategy": {"type": "automatic", "automatic": {"delaySeconds": 3600}}},
            {"environment": "prod"},
        ]
        environments = [
            {
                "id": name,
                "projectID": f"{world.service}-{name}-0000",
                "category": category,
                "deploy": {"type": "rollout"},
            }
            for name, category in (("staging", "test"), ("prod", "external"))
        ]
        tree = {
            "service": {"id": world.service, "owners": ["core-services"], "description": "An example."},
            "build": {"image": world.repository, "source": {"repo": "github.com/example/monorepo", "dir": "svc"}},
            "rollout": {"stages": stages},
            "environments": environments,
        }
        text: str = yaml.safe_dump(tree, sort_keys=False)
        return text

    def _write_configs(self, files: Path) -> None:
        # As the rules write them: rules_msp/private/delivery.bzl and pipeline.bzl.
        delivery = {
            "gcp_project": self.world.project,
            "gcp_region": self.region,
            "image": "_main/svc/image",
            "msp_service_id": self.world.service,
            "push": None,
            "repository": self.world.repository,
            "spec": "_main/svc/spec.spec.json" if self.with_spec else None,
            "target": "//svc:msp_deploy",
            "tool": f"{self.tools}:deploy",
        }
        (files / "msp_deploy.json").write_text(json.dumps(delivery))
        own = {"image": "//svc:image", "target": "//svc:msp_deploy.ops", "tool": f"{self.tools}:verb"}
        operating = {key: delivery[key] for key in ("gcp_project", "gcp_region", "msp_service_id", "repository")}
        (files / "msp_deploy.ops.json").write_text(json.dumps(operating | own))
        for pipeline in ("pipeline", "msp_deploy.pipeline"):
            for command in ("apply", "diff"):
                name = f"{pipeline}.{command}"
                fields = {"gcp_region": self.region, "spec": "_main/svc/spec.spec.json"}
                fields |= {"target": f"//svc:{name}", "tool": f"{self.tools}:{command}"}
                (files / f"{name}.json").write_text(json.dumps(fields))

    def _write_bazel(self) -> None:
        stand_in = (ROOT / "tests/commands/bazel_stand_in.py").read_text("utf-8")
        for path in (self.programs / "bazel", self.programs / "bazelw"):
            path.write_text(f"#!{sys.executable}\n{stand_in}")
            path.chmod(0o755)
        (self.root / "bazelw").symlink_to(self.programs / "bazelw")
        (self.programs / "targets.json").write_text(json.dumps(self._targets()))

    def _targets(self) -> dict[str, dict[str, object]]:
        def target(program: str, config: str = "", *arguments: str, verb: str = "run") -> dict[str, object]:
            path = f"_main/svc/{config}.json" if config else ""
            python_path = os.pathsep.join([str(ROOT / "tools"), *sys.path])
            given = {"program": program, "config": path, "arguments": arguments, "verb": verb}
            return {**given, "python_path": python_path}

        # A module knows itself by its name, too; others know it by that alone.
        tools = {f"{own}:{name}": target(name) for own in {self.tools, CONSUMERS} for name in TOOLS}
        tools |= {f"{own}:msp": target("verb") for own in {self.tools, CONSUMERS}}
        specification = str(self.root / "svc/service.yaml")
        check = target("validate", "", specification, verb="test")
        generate = target(
            "generate", "", f"--spec={specification}", f"--output_dir={self.root}/bazel-bin", verb="build"
        )
        service = {
            "//svc:msp_deploy": target("deploy", "msp_deploy"),
            "//svc:msp_deploy.local": target("deploy_local", "msp_deploy"),
            "//svc:msp_deploy.ops": target("verb", "msp_deploy.ops"),
            "//svc:msp_deploy.spec_test": check,
            "//svc:msp_deploy.pipeline": generate,
            "//svc:pipeline": generate,
            "test //...": check,
            "test //svc/...": check,
            # Of examples/rules_oci, whose root is the service's package.
            "//:msp_deploy": target("deploy", "msp_deploy"),
            "//:msp_deploy.local": target("deploy_local", "msp_deploy"),
        }
        pipelines = ("pipeline.apply", "pipeline.diff", "msp_deploy.pipeline.apply", "msp_deploy.pipeline.diff")
        service |= {f"//svc:{name}": target(name.rpartition(".")[2], name) for name in pipelines}
        if not self.with_spec:
            service = {label: found for label, found in service.items() if ".pipeline" not in label}
        return {**tools, **service}
