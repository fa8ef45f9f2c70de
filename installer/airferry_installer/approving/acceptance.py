"""Which policy is in force: the one that was accepted, and only a proper successor replaces it.

`none` is what a site says that has no policy. Once a policy was accepted, neither `none` nor an
older nor an unsigned one can take its place. Every acceptance is journalled.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from airferry_foundation import digests, files
from airferry_foundation.errors import ApprovalError, InputError
from airferry_installer.approving import policy as policies
from airferry_installer.approving.policy import Policy, Rule
from airferry_installer.approving.windows import Calendar
from airferry_installer.state.folder import StateFolder
from airferry_signing import sshsig

NONE = "none"
MAX_SIGNATURES = 16


@dataclass(frozen=True, slots=True)
class InForce:
    """The policy that decides; both fields None where the site has none."""

    policy: Policy | None = None
    digest: str | None = None

    def calendar(self, environment: str) -> Calendar | None:
        """When an environment may be changed; None where that is not ruled."""
        rule = self.policy.environments.get(environment) if self.policy else None
        return rule.calendar if rule else None


def in_force(state: StateFolder) -> InForce:
    """The policy in force; accepts and journals the first one, or a proper successor.

    ApprovalError where site.yaml names a policy that may not follow the accepted one.
    """
    site = state.site()
    with state.exclusive():
        accepted = state.policy()
        if site.policy == NONE:
            return _without(state, accepted)
        path = state.site_folder / site.policy
        data = files.read_capped(path, policies.MAX_BYTES)
        policy = policies.read(data, name=str(path))
        if policy.customer != site.customer:
            raise InputError(
                f"{path} is the policy of {policy.customer!r}; site.yaml is of {site.customer!r}"
            )
        if accepted in (None, NONE):
            _accept(state, data, policy, "policy accepted")
        elif digests.digest(data) != accepted:
            current = state.kept("policy", str(accepted))
            policies.judge_successor(current, data, signatures_beside(path))
            _accept(state, data, policy, "policy changed")
        return InForce(policy, digests.digest(data))


def accepted_rule(state: StateFolder, environment: str) -> Rule | None:
    """The rule of the policy that was accepted last, whatever became of its file; None: no rule."""
    accepted = state.policy()
    if accepted in (None, NONE):
        return None
    data = state.kept("policy", str(accepted))
    policy = policies.read(data, name="the policy that was accepted")
    return policy.environments.get(environment)


def signature_paths(path: Path) -> tuple[Path, ...]:
    """Where signatures of a policy may lie: `policy.json.sig`, `policy.json.1.sig` and so on."""
    numbered = (path.with_name(f"{path.name}.{n}.sig") for n in range(1, MAX_SIGNATURES + 1))
    return (path.with_name(f"{path.name}.sig"), *numbered)


def signatures_beside(path: Path) -> tuple[bytes, ...]:
    """The signatures that lie beside a policy."""
    found = (p for p in signature_paths(path) if p.is_file())
    return tuple(files.read_capped(p, sshsig.MAX_BYTES) for p in found)


def _without(state: StateFolder, accepted: str | None) -> InForce:
    if accepted not in (None, NONE):
        current = policies.read(
            state.kept("policy", str(accepted)), name="the policy that was accepted"
        )
        raise ApprovalError(
            f"site.yaml says `policy: none`, but policy version {current.version} was accepted "
            "here and stays in force",
            f"Name it again in {state.site_path}. Only a signed successor can loosen it.",
        )
    if accepted is None:
        state.use_policy(NONE, "policy accepted")
    return InForce()


def _accept(state: StateFolder, data: bytes, policy: Policy, event: str) -> None:
    digest = state.keep("policy", data)
    state.use_policy(digest, event, version=policy.version, people=sorted(policy.people))
