"""Writes a first site.yaml, commented, out of a few answers."""

from __future__ import annotations

from dataclasses import dataclass

import yaml


@dataclass(frozen=True, slots=True)
class Answers:
    """What `init` asks; '' for a question that was left open."""

    customer: str
    product: str
    push: str
    plain_http: bool = False
    pull: str = ""
    environment: str = "production"
    context: str = ""


def site_text(answers: Answers) -> str:
    """The text of site.yaml."""
    pull = f"  pull: {_scalar(answers.pull)}" if answers.pull else "  # pull: registry.example.lan"
    plain = "  plain_http: true" if answers.plain_http else "  # plain_http: true"
    cluster = (
        f"    kubernetes: {{context: {_scalar(answers.context)}}}"
        if answers.context
        else "    kubernetes: {}  # or {kubeconfig: prod.kubeconfig, context: prod}"
    )
    return f"""\
# Your site: yours alone, no secret and no policy in it. Relative paths start beside this file.
customer: {_scalar(answers.customer)}
products: [{_scalar(answers.product)}]

registry:
  # Where `load` pushes.
  push: {_scalar(answers.push)}
  # The name that nodes pull from, if it is another one.
{pull}
  # A registry without TLS has to be named so.
{plain}
  # Your own certificate authority.
  # ca: ca.pem
  # Logins come from ~/.docker/config.json (`skopeo login`, `docker login`).
  auth: docker-config

# A signed policy says who must approve a plan; `none` lets anybody who may use this machine apply.
policy: none

environments:
  {_scalar(answers.environment)}:
    # Which cluster: kubectl's words. Without them: kubectl's own default.
{cluster}
    # namespaces: {{{_scalar(answers.product)}: my-namespace}}
    # values: {{{_scalar(answers.product)}: [values.yaml]}}
    # inputs: {{host_name: shop.example.lan, admin_password: {{file: /run/secrets/admin}}}}
"""


def _scalar(text: str) -> str:
    """Text as YAML reads it back, quoted where it must be."""
    return yaml.safe_dump(text, default_style=None).partition("\n")[0]
