"""`airferry-installer plan`, as a person gives it, over a signed bundle."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from airferry_bundler.publish import publish
from airferry_bundler.published_material import from_bundle
from airferry_fixtures.charted import charted_bundle, planner_of
from airferry_fixtures.customers import Customer
from airferry_fixtures.people import policy_of
from airferry_fixtures.servers.cluster import Cluster
from airferry_fixtures.servers.registry import RegistryServer
from airferry_fixtures.statements import Vendor
from airferry_foundation import documents, files
from airferry_foundation.digests import digest
from airferry_installer.approving.policy import Rule
from airferry_installer.approving.windows import DAYS
from airferry_installer.planning.plan import MAX_BYTES, Plan
from airferry_registry.client import RegistryClient
from airferry_registry.settings import RegistrySettings

pytestmark = [pytest.mark.cluster, pytest.mark.program("helm")]

TEMPLATE = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "acme/web:1.0"}]}
---
apiVersion: v1
kind: Secret
metadata: {name: made}
stringData: {password: {{ randAlphaNum 20 }}}
"""
BROKEN = "a: 1\nb: {{ .Values.x.y }}\n"
ELSEWHERE = "  nowhere:\n    kubernetes: {kubeconfig: no-such-file}\n"


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


@pytest.fixture
def customer(tmp_path: Path, cluster: Cluster, namespace: str, vendor: Vendor) -> Customer:
    made = planner_of(tmp_path, cluster, namespace, ELSEWHERE)
    ran = made.init(vendor)
    assert ran.code == 0, ran.stderr
    return made


def test_a_plan_is_written_with_its_page_and_told(
    customer: Customer, vendor: Vendor, tmp_path: Path
) -> None:
    path = charted_bundle(tmp_path, vendor, TEMPLATE)
    ran = customer.run("plan", path, "-e", "staging", "-o", tmp_path / "out" / "plan.json")
    assert ran.code == 0, ran.stderr
    assert "install of shop" in ran.stdout
    assert "+ create Deployment" in ran.stdout
    assert "2 create" in ran.stdout
    data = (tmp_path / "out" / "plan.json").read_bytes()
    plan = documents.decode(data, Plan, name="plan.json", cap=MAX_BYTES, text="any")
    assert plan.environment == "staging"
    page = (tmp_path / "out" / "plan.html").read_text()
    assert digest(data) in ran.stdout
    assert digest(data) in page
    for told in (ran.stdout, page):
        assert "shop: no channel statement is known here" in told
    events = [entry.event for entry in customer.state.journal.entries()]
    assert events[-1] == "planned"


def test_scripts_get_the_digest_and_the_same_file_twice(
    customer: Customer, vendor: Vendor, tmp_path: Path
) -> None:
    path = charted_bundle(tmp_path, vendor, TEMPLATE)
    first = customer.run("plan", path, "-e", "staging", "-o", "a.json", "--output", "json")
    second = customer.run("plan", path, "-e", "staging", "-o", "b.json", "--output", "json")
    assert (first.code, second.code) == (0, 0), first.stderr
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert first.answer["digest"] == digest((tmp_path / "a.json").read_bytes())
    assert first.answer["actions"] == {"create": 2}
    assert first.answer["time"] == {"open": True, "opens": None, "closes": None, "doubt": ""}


@pytest.mark.program("registry")
def test_a_published_release_needs_no_file(
    customer: Customer,
    vendor: Vendor,
    tmp_path: Path,
    registry: RegistryServer,
    repository_prefix: str,
) -> None:
    """After `fetch --into-registry` there is none: its address gives the same plan."""
    path = charted_bundle(tmp_path, vendor, TEMPLATE)
    client = RegistryClient(RegistrySettings(registry.address, plain_http=True))
    with from_bundle(path) as material:
        publish(material, client, repository_prefix)
    reached = f'registries: {{"{registry.address}": {{plain_http: true}}}}\n'
    customer.site.write_text(customer.site.read_text() + reached)
    address = f"oci://{registry.address}/{repository_prefix}"
    for name, source in (("a", path), ("b", address)):
        ran = customer.run("plan", source, "-e", "staging", "-o", f"{name}.json")
        assert ran.code == 0, ran.stderr
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    ran = customer.run("plan", f"{address}:9.9.9", "-e", "staging", "-o", "c.json")
    assert ran.code == 33
    assert not (tmp_path / "c.json").exists()


def test_the_windows_of_the_policy_are_told(
    customer: Customer, vendor: Vendor, tmp_path: Path
) -> None:
    """In the plan they are rules; whether it is open now is said beside it."""
    window = {"days": list(DAYS), "from": "00:00", "to": "00:00", "zone": "UTC"}
    frozen = {"from": "2020-01-01", "until": "2098-12-31", "zone": "UTC"}
    for number, freezes in enumerate(([], [frozen])):
        fields = {"people": 1, "windows": [window], "freezes": freezes}
        rule = msgspec.convert(fields, Rule)
        policy = policy_of({"anna": ["a"], "ben": ["b"]}, rule, environment="staging")
        (tmp_path / f"policy-{number}.json").write_bytes(documents.encode(policy))
    path = charted_bundle(tmp_path, vendor, TEMPLATE)
    customer.site.write_text(customer.site.read_text() + "policy: policy-0.json\n")
    ran = customer.run("plan", path, "-e", "staging", "-o", "a.json")
    assert "when: mon tue wed thu fri sat sun from 00:00 to 00:00 the next day, UTC" in ran.stdout
    assert "open now" in ran.stdout

    fresh = Customer(tmp_path / "fresh")
    fresh.folder.mkdir()
    site = customer.site.read_text().replace("policy-0.json", f"{tmp_path}/policy-1.json")
    fresh.site.write_text(site)
    assert fresh.init(vendor).code == 0
    ran = fresh.run("plan", path, "-e", "staging", "-o", "b.json")
    assert "closed now: it is frozen; the next window opens Thu 2099-01-01 00:00 UTC" in ran.stdout


@pytest.mark.parametrize(
    ("environment", "template", "error", "code"),
    [
        ("nowhere", TEMPLATE, "ClusterUnreachable", 41),
        ("elsewhere", TEMPLATE, "Input", 10),
        ("staging", BROKEN, "Chart", 14),
    ],
)
def test_what_is_wrong_has_its_exit_code_and_a_message(  # noqa: PLR0917 - four of them vary
    customer: Customer,
    vendor: Vendor,
    tmp_path: Path,
    environment: str,
    template: str,
    error: str,
    code: int,
) -> None:
    path = charted_bundle(tmp_path, vendor, template)
    ran = customer.run("plan", path, "-e", environment, "--output", "json")
    assert ran.code == code, ran.stderr
    told = json.loads(ran.stderr.splitlines()[-1])
    assert told["error"] == error
    assert "Traceback" not in ran.stderr
    assert not (tmp_path / "plan.json").exists()


def test_a_plan_can_not_be_written_where_nobody_may(
    customer: Customer, vendor: Vendor, tmp_path: Path
) -> None:
    files.make_folder(tmp_path / "taken.json")
    ran = customer.run(
        "plan", charted_bundle(tmp_path, vendor, TEMPLATE), "-e", "staging", "-o", "taken.json"
    )
    assert 10 <= ran.code < 60
    assert "taken.json" in ran.stderr
