from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from airferry_foundation.errors import HandwrittenError, InputError
from airferry_installer import site as sites
from airferry_installer.site_template import Answers, site_text

GOOD = """\
customer: acme
products: [shop]
registry: {push: "10.0.0.5:5000/airferry", pull: registry.acme.lan, ca: ca.pem}
environments:
  staging: {kubernetes: {context: staging}}
  production:
    registry: {push: "10.1.0.5:5000"}
    namespaces: {shop: bank-prod-shop}
    values: {shop: [prod.yaml]}
    inputs: {host: shop.bank.lan, admin_password: {file: /run/secrets/admin}}
    ignore: [{kind: Deployment, name: web, paths: [/spec/replicas]}]
"""


def read(tmp_path: Path, text: str) -> sites.Site:
    path = tmp_path / "site.yaml"
    path.write_text(text)
    return sites.read(path)


def test_a_good_site(tmp_path: Path) -> None:
    site = read(tmp_path, GOOD)
    assert site.registry_of("staging").pull_address == "registry.acme.lan"
    assert site.registry_of("production").pull_address == "10.1.0.5:5000"
    with pytest.raises(InputError) as caught:
        site.environment("prod")
    assert caught.value.hint == "It has: staging, production."


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("products: [shop]", "products: []", 2, "name at least one"),
        ("products: [shop]", "products: [shop, shop]", 2, "named twice"),
        ("ca: ca.pem", "ca: ca.pem, plain_http: true", 3, "no use for certificates"),
        ("ca: ca.pem", "client_key: key.pem", 3, "belong together"),
        ("ca: ca.pem", "pull_auth: {}", 3, "either `create` or `secret`"),
        ("ca: ca.pem", "pull_auth: {create: {}}", 3, "key 'from' is missing"),
        ("{shop: bank-prod-shop}", "{till: x}", 8, "'till' is not among `products`"),
        ("{shop: [prod.yaml]}", "{till: []}", 9, "'till' is not among `products`"),
        ("{file: /run/secrets/admin}", "{}", 10, "either `file` or `env`"),
        ("[/spec/replicas]", "[spec.replicas]", 11, "JSON pointers"),
        ("customer: acme", "customer: Acme", 1, "does not fit"),
        ("customer: acme", "custmer: acme", 1, "did you mean 'customer'?"),
    ],
)
def test_a_mistake_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, words: str
) -> None:
    with pytest.raises(HandwrittenError) as caught:
        read(tmp_path, GOOD.replace(old, new))
    assert any(
        text.strip().startswith(f"line {line}:") and words in text
        for text in caught.value.message.splitlines()
    ), caught.value.message


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    bad = GOOD.replace("{shop: bank-prod-shop}", "{till: x}").replace("[shop]", "[shop, shop]")
    with pytest.raises(HandwrittenError, match="2 mistakes"):
        read(tmp_path, bad)


@pytest.mark.parametrize(
    "answers",
    [
        Answers(customer="acme", product="shop", push="127.0.0.1:5000", plain_http=True),
        Answers(
            customer="acme", product="shop", push="10.0.0.5:5000/airferry", pull="registry.lan",
            environment="on", context="admin@prod: #1",
        ),
        Answers(customer="null", product="1.0", push="registry.lan"),
    ],
)  # fmt: skip
def test_what_init_writes_is_read_back(tmp_path: Path, answers: Answers) -> None:
    text = site_text(answers)
    site = read(tmp_path, text)
    assert (site.customer, site.products) == (answers.customer, (answers.product,))
    assert site.registry.push == answers.push
    assert site.registry.plain_http == answers.plain_http
    environment = site.environment(answers.environment)
    assert (environment.kubernetes.context or "") == answers.context


def test_the_examples_in_its_comments_hold_too(tmp_path: Path) -> None:
    text = site_text(Answers(customer="acme", product="shop", push="127.0.0.1:5000"))
    lines = [
        line.replace("# ", "", 1) if line.strip().startswith("# ") and ": {" in line else line
        for line in text.replace("{}  # or ", "").splitlines()
    ]
    site = read(tmp_path, "\n".join(lines))
    assert site.environment("production").kubernetes.context == "prod"
    assert "inputs" in yaml.safe_load("\n".join(lines))["environments"]["production"]


def test_registries_of_vendors(tmp_path: Path) -> None:
    reached = 'registries: {"registry.example:5000": {ca: vendor.pem}}\n'
    site = read(tmp_path, GOOD + reached)
    assert site.registries["registry.example:5000"].ca == "vendor.pem"
    for bad, words in (
        ("client_key: k.pem", "belong together"),
        ("ca: c.pem, plain_http: true", "no use for certificates"),
    ):
        with pytest.raises(HandwrittenError, match=words):
            read(tmp_path, GOOD + reached.replace("ca: vendor.pem", bad))
