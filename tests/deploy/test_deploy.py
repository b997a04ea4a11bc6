"""What deploys is made for the program as it is: its commands, settings, figures and ports."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import typer
import yaml
from prometheus_client import CollectorRegistry

from lipwright.cli.main import app
from lipwright.config import PREFIX, CacheSettings, HttpSettings, ServiceSettings, Settings, VoiceSettings
from lipwright.http.door import Figures
from lipwright.http.errors import TABLE
from lipwright.service.telemetry import Gauges, ServiceCollector, Telemetry

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
PARTS = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",), "info": ("_info",)}
PROBED = {"/healthz", "/readyz", "/metrics"}


def documents(pattern: str) -> list[tuple[str, dict[str, Any]]]:
    found = [
        (path.name, cast("dict[str, Any]", one))
        for path in sorted(DEPLOY.glob(pattern))
        for one in yaml.safe_load_all(path.read_text())
    ]
    assert found
    return found


def exported() -> dict[str, set[str]]:
    """Every name that a scrape of an API or of a worker may hold, with its labels."""
    gauges = Gauges(1, 1, 1.0, 1, 1.0, {"cpu": (1, 1.0)}, {"cpu": 1}, 1, 1)
    telemetry, figures = Telemetry(), Figures()
    telemetry.registry.register(ServiceCollector(lambda: gauges, lambda: (True, 1)))
    names: dict[str, set[str]] = {}
    labels = _labels(telemetry.registry) | _labels(figures.registry)
    for registry in (telemetry.registry, figures.registry):
        for family in registry.collect():
            shown = {label for sample in family.samples for label in sample.labels}
            for part in PARTS[family.type]:
                names[family.name + part] = shown | labels.get(family.name, set()) | {"job", "instance", "le"}
    return names


def _labels(registry: CollectorRegistry) -> dict[str, set[str]]:
    """Of what has no samples yet."""
    kept: dict[Any, Any] = registry._collector_to_names
    return {one._name: set(one._labelnames) for one in kept if hasattr(one, "_labelnames")}


def asked_for(expression: str) -> set[str]:
    """Names of metrics in PromQL."""
    return set(re.findall(r"\b((?:lipwright|process)_[a-z_]+)\b", expression))


def expressions() -> Iterator[str]:
    """Every query that is deployed."""
    dashboard = json.loads((DEPLOY / "grafana" / "lipwright.json").read_text())
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel.get("targets", []))
    for _, rules in documents("prometheus/alerts.yml"):
        yield from (rule["expr"] for group in rules["groups"] for rule in group["rules"])
    for _, one in documents("kubernetes/worker-*.yaml"):
        if one["kind"] == "ScaledObject":
            yield from (trigger["metadata"]["query"] for trigger in one["spec"]["triggers"])


def test_the_dashboard_shows_what_is_exported_and_asks_for_nothing_else() -> None:
    names = exported()
    dashboard = json.loads((DEPLOY / "grafana" / "lipwright.json").read_text())
    shown = set[str]()
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            shown |= asked_for(target["expr"])
    # one part of a histogram stands for all of it
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown}

    assert shown <= set(names)
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in names if name.startswith("lipwright_")} <= families


def test_every_query_asks_for_names_and_labels_that_there_are() -> None:
    names = exported()

    for expression in expressions():
        assert asked_for(expression) <= set(names), expression
        for name, selector in re.findall(r"\b((?:lipwright|process)_[a-z_]+)\{([^}]*)\}", expression):
            assert set(re.findall(r"(\w+)(?:=|!)", selector)) <= names[name], expression
        for grouped in re.findall(r"by \(([^)]*)\)", expression):
            labels = {label.strip() for label in grouped.split(",")}
            assert labels <= set[str]().union(*(names[name] for name in asked_for(expression))), expression


def test_whoever_is_on_call_is_told_of_every_failure_that_is_no_customers_and_of_what_is_not_reached() -> None:
    ((_, rules),) = documents("prometheus/alerts.yml")
    expressions = {rule["alert"]: rule["expr"] for group in rules["groups"] for rule in group["rules"]}
    (codes,) = re.findall(r'code=~"([^"]*)"', expressions["OurFault"])

    assert set(codes.split("|")) == {error.code for error, wire in TABLE.items() if wire.status >= 500}
    (scraped,) = re.findall(r'up\{job=~"([^"]*)"\} == 0', expressions["NotReached"])
    ((_, config),) = documents("prometheus/prometheus.yml")
    assert all(re.fullmatch(scraped, one["job_name"]) for one in config["scrape_configs"])


def test_whoever_is_on_call_is_told_of_jobs_that_wait_for_their_render_of_a_dead_fleet_and_of_no_api() -> None:
    """A job whose inputs are there counts as running, and no more as queued, however long its render waits."""
    ((_, rules),) = documents("prometheus/alerts.yml")
    alerts = {rule["alert"]: rule["expr"] for group in rules["groups"] for rule in group["rules"]}
    ages = re.findall(r'__name__=~"([^"]*)"', alerts["QueueIsOld"])

    assert [set(one.split("|")) for one in ages] == [
        {"lipwright_oldest_queued_seconds", "lipwright_oldest_render_waiting_seconds"}
    ]
    assert {"lipwright_jobs_queued", "lipwright_jobs_running"} < asked_for(alerts["NobodyWorks"])
    # of the API alone: a worker answers no requests that are counted
    (of_the_api,) = re.findall(r"^absent\((\w+)\)$", alerts["NobodyAnswers"])
    assert of_the_api.removesuffix("_total") in {family.name for family in Figures().registry.collect()}


def test_every_variable_that_is_set_is_a_setting() -> None:
    kinds = (Settings, CacheSettings, ServiceSettings, HttpSettings, VoiceSettings)
    known = {PREFIX + name.upper() for kind in kinds for name in kind.model_fields}

    for path in (path for path in DEPLOY.rglob("*") if path.is_file() and path.suffix != ".json"):
        assert set(re.findall(r"\bLIPWRIGHT_[A-Z0-9_]+\b", path.read_text())) <= known, path.name


def started() -> Iterator[tuple[str, list[str]]]:
    """Every command that something deployed starts."""
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    yield from ((f"compose {name}", services[name]["command"]) for name in ("api", "worker"))
    for name, one in documents("kubernetes/*.yaml"):
        for container in containers(one):
            yield name, container["args"]
    for path in sorted((DEPLOY / "systemd").glob("*.service")):
        (line,) = re.findall(r"^ExecStart=\S+/lipwright (.*)$", path.read_text(), re.MULTILINE)
        yield path.name, shlex.split(line.replace("%i", "1"))
    yield "Dockerfile", json.loads(re.findall(r"^CMD (\[.*)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)[-1])


def containers(one: dict[str, Any]) -> list[dict[str, Any]]:
    return one["spec"]["template"]["spec"]["containers"] if one["kind"] == "Deployment" else []


@pytest.fixture(scope="module")
def command() -> Any:
    return typer.main.get_command(app)


@pytest.mark.parametrize(("where", "words"), list(started()), ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_started_is_a_command_that_there_is(command: Any, where: str, words: list[str]) -> None:
    context = command.commands[words[0]].make_context(words[0], list(words[1:]))

    assert context.params.get("metrics_port") in {None, 9000, 9101}


def test_pods_run_as_nobody_on_a_file_system_that_they_cannot_write_to() -> None:
    deployments = [one for _, one in documents("kubernetes/*.yaml") if one["kind"] == "Deployment"]
    assert {one["metadata"]["name"] for one in deployments} == {"api", "worker-cpu", "worker-gpu"}

    for one in deployments:
        pod = one["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            may = container["securityContext"]
            assert (may["readOnlyRootFilesystem"], may["allowPrivilegeEscalation"]) == (True, False)
            assert may["capabilities"] == {"drop": ["ALL"]}
            assert "memory" in container["resources"]["limits"]
            assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/data", "/tmp"}
            ports = {port["name"] for port in container["ports"]}
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                assert container[probe]["httpGet"]["path"] in PROBED
                assert container[probe]["httpGet"]["port"] in ports


def test_whoever_is_stopped_is_given_longer_than_it_takes_to_drain() -> None:
    (config,) = (one for _, one in documents("kubernetes/config.yaml"))
    drain_s = float(config["data"]["LIPWRIGHT_DRAIN_S"])

    for _, one in documents("kubernetes/*.yaml"):
        if one["kind"] == "Deployment":
            pod = one["spec"]["template"]["spec"]
            hooks = [container["lifecycle"]["preStop"] for container in pod["containers"] if "lifecycle" in container]
            before = [float(hook["exec"]["command"][1]) for hook in hooks]
            assert pod["terminationGracePeriodSeconds"] >= sum(before) + drain_s + 15
            # balancers learn of its end beside it, and send it connections until they have
            assert bool(before) == (one["metadata"]["name"] == "api")
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    for name in ("api", "worker"):
        assert int(compose[name]["stop_grace_period"].removesuffix("s")) >= HttpSettings().drain_s + 15
    environment = dict(re.findall(r"^(LIPWRIGHT_\w+)=(.*)$", (DEPLOY / "systemd" / "lipwright.env").read_text(), re.M))
    for path in (DEPLOY / "systemd").glob("*.service"):
        (stop_s,) = re.findall(r"^TimeoutStopSec=(\d+)$", path.read_text(), re.M)
        assert int(stop_s) >= float(environment["LIPWRIGHT_DRAIN_S"]) + 15


def test_workers_are_scaled_on_the_age_of_their_own_queue() -> None:
    scaled = {one["metadata"]["name"]: one["spec"] for _, one in documents("kubernetes/worker-*.yaml")
              if one["kind"] == "ScaledObject"}  # fmt: skip

    assert {name: spec["scaleTargetRef"]["name"] for name, spec in scaled.items()} == {
        "worker-cpu": "worker-cpu", "worker-gpu": "worker-gpu",
    }  # fmt: skip
    assert 'queue="gpu"' in scaled["worker-gpu"]["triggers"][0]["metadata"]["query"]
    assert "lipwright_oldest_queued_seconds" in scaled["worker-cpu"]["triggers"][0]["metadata"]["query"]
    assert scaled["worker-cpu"]["minReplicaCount"] >= 1  # somebody prepares jobs and sends webhooks


def test_a_queue_of_gpus_is_served_and_named_only_together() -> None:
    """Nothing that ships wants a GPU: what does is added by hand, in two places."""
    (applied,) = (one["resources"] for _, one in documents("kubernetes/kustomization.yaml"))
    (config,) = (one["data"] for _, one in documents("kubernetes/config.yaml"))

    assert ("worker-gpu.yaml" in applied) == ("LIPWRIGHT_ENGINE_QUEUES" in config)
    assert all((DEPLOY / "kubernetes" / name).is_file() for name in applied)


def test_the_compose_file_runs_an_api_two_workers_a_database_and_a_store() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]

    assert {"api", "worker", "database", "store"} <= set(services)
    assert services["worker"]["deploy"]["replicas"] == 2
    for name in ("api", "worker"):
        one = services[name]
        assert one["read_only"] is True
        assert one["tmpfs"] == ["/tmp:size=1g,mode=1777"]
        assert one["cap_drop"] == ["ALL"]
        # Docker refuses to start what may use more processors than there are
        assert "cpus" not in one.get("deploy", {}).get("resources", {}).get("limits", {})
        assert one["environment"]["LIPWRIGHT_DATABASE_URL"].startswith("postgresql")
        assert one["environment"]["LIPWRIGHT_STORE_URL"].startswith("s3://")
    for one in services.values():
        assert ":" in one["image"]


def test_the_image_runs_as_nobody_and_installs_by_hash() -> None:
    text = re.sub(r"\\\n\s*", " ", (DEPLOY / "Dockerfile").read_text())
    last = text.split("\nFROM ")[-1]
    installs = re.findall(r"pip install [^&\n]*-r \S+", text)

    assert re.findall(r"^USER (.*)$", last, re.M) == ["10001:10001"]
    assert "HEALTHCHECK" in last
    assert "/healthz" in last
    assert len(installs) == 2
    assert all("--require-hashes" in one for one in installs)
    assert "pip install" not in last
    kept = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.M):
        for source in line.split()[:-1]:
            assert f"!{source}" in kept


@pytest.mark.parametrize("path", sorted((DEPLOY / "systemd").glob("*.service")), ids=lambda path: path.name)
def test_units_are_hardened(path: Path) -> None:
    lines = path.read_text().splitlines()
    for line in (
        "User=lipwright", "NoNewPrivileges=true", "ProtectSystem=strict", "CapabilityBoundingSet=", "PrivateTmp=true",
        "SystemCallFilter=@system-service", "RestrictNamespaces=true", "StateDirectory=lipwright",
    ):  # fmt: skip
        assert line in lines
    # workers of one machine know each other's ends by /proc
    assert "ProcSubset=pid" not in lines
    if shutil.which("systemd-analyze") is None:
        return
    told = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=20", path], capture_output=True, text=True,
        timeout=30, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout[-300:]
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True, timeout=30, check=False
    )
    wrong = [line for line in verified.stderr.splitlines() if "is not executable" not in line]
    assert not wrong


def test_children_of_a_service_need_no_home_to_find_fetched_voices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/data")

    assert VoiceSettings().options.folder == Path("/data/.cache/lipwright/voices")
