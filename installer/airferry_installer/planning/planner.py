"""Makes plans: what an apply of a rendered release would do to a cluster, object by object.

Each object is tried on the server (server-side apply, dry run, without force) and compared with the
live one. What can't be tried yet, since this very plan makes its namespace or kind, is marked. Two
plans of an unchanged world are the same bytes; a plan of a product just applied is all `unchanged`.
Rules for hooks: those of the operation run, but where nothing else would change and the release
runs whole already, they are `unchanged` too.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from airferry_archive.release import Release
from airferry_foundation import documents
from airferry_foundation.errors import StateMissingError
from airferry_foundation.progress import SILENT, Progress
from airferry_installer.applying import inventory
from airferry_installer.applying.inventory import Held
from airferry_installer.approving.acceptance import in_force
from airferry_installer.cluster.client import (
    ClusterClient,
)
from airferry_installer.planning import consequences, render, rendered, requirements
from airferry_installer.planning.looking import Looking, made_by
from airferry_installer.planning.plan import Operation, Plan, Step
from airferry_installer.planning.rendered import Rendered
from airferry_installer.planning.sealed_values import Mask
from airferry_installer.planning.work import Blob, Work
from airferry_installer.state.folder import StateFolder


def make_plan(  # noqa: PLR0913 - a release is its document, its digest and its blobs
    state: StateFolder,
    client: ClusterClient,
    release: Release,
    *,
    release_digest: str,
    blob: Blob,
    environment: str,
    progress: Progress = SILENT,
) -> Plan:
    """The plan of an admitted release for an environment; it is kept and journalled.

    `blob` gives a blob of the release, verified. Errors: those of `render`, and of the cluster.
    """
    site = state.site()
    namespace = render.inventory_namespace(release, site.environment(environment))
    held = inventory.read(client, namespace, release.product)
    running = held.inventory.running if held else None
    work = Work(
        release=release,
        release_digest=release_digest,
        blob=blob,
        site=site,
        site_folder=state.site_folder,
        environment_name=environment,
        operation="upgrade" if running else "install",
    )
    requirements.check(release, running, client.version())
    progress.note("rendering")
    draft = render.render(work, client, Mask(state.hmac_key()))
    with state.exclusive():
        rendered.store(state, draft.rendered, fresh=draft.fresh, live=draft.live)
        plan = plan_rendered(
            state, client, environment, draft.rendered, work.operation, progress=progress
        )
        keep(state, plan)
    return plan


def keep(state: StateFolder, plan: Plan) -> str:
    """Keep a plan in the state folder and journal that it was made; its digest."""
    digest = state.keep("plan", documents.encode(plan))
    state.journal.append(
        "planned",
        environment=plan.environment,
        product=plan.product,
        version=plan.version,
        operation=plan.operation,
        plan=digest,
        rendered=plan.rendered,
    )
    return digest


def plan_rendered(
    state: StateFolder,
    client: ClusterClient,
    environment: str,
    rendered_release: Rendered,
    operation: Operation,
    *,
    progress: Progress = SILENT,
) -> Plan:
    """A plan of any kept rendered release: a new one, an older one (rollback), the same (drift).

    Nothing is written, neither in the cluster nor in the state folder. ObjectRefusedError lists
    every object that the server refuses.
    """
    site = state.site()
    held = inventory.read(client, rendered_release.namespace, rendered_release.product)
    mask = Mask(state.hmac_key())
    objects = rendered.with_secrets(state, rendered_release)
    looking = Looking(client, mask, made_by(client, objects), held)
    steps = looking.steps(objects, operation, progress)
    if held is not None and _runs_whole(held, rendered_release, steps):
        steps = tuple(_quiet(step) for step in steps)
    running = held.inventory.running if held else None
    before = _running_rendered(state, held)
    force = in_force(state)
    return Plan(
        schema="airferry.plan/v1",
        operation=operation,
        customer=site.customer,
        environment=environment,
        product=rendered_release.product,
        version=rendered_release.version,
        release=rendered_release.release,
        release_counter=rendered_release.release_counter,
        epoch=rendered_release.epoch,
        rendered=documents.digest_of(rendered_release),
        inputs=rendered_release.inputs,
        cluster=client.uid(rendered_release.namespace),
        kubernetes=client.version(),
        revision=held.inventory.revision if held else 0,
        running=running,
        policy=force.digest,
        calendar=force.calendar(environment),
        steps=steps,
        images=consequences.images(before, rendered_release),
        values=consequences.values(before, rendered_release),
        read=rendered_release.read,
        irreversible=consequences.irreversible(steps),
        namespace=rendered_release.namespace,
    )


def _running_rendered(state: StateFolder, held: Held | None) -> Rendered | None:
    """The rendered release that runs, None if nothing does or another host's state has it."""
    if held is None or held.inventory.running is None:
        return None
    try:
        return rendered.load(state, held.inventory.running.rendered)
    except StateMissingError:
        return None


def _runs_whole(held: Held, wanted: Rendered, steps: Iterable[Step]) -> bool:
    """Whether the release runs already and nothing but hooks would happen."""
    found = held.inventory
    same = found.running is not None and (
        (found.running.release, found.running.version) == (wanted.release, wanted.version)
    )
    return (
        found.state == "applied" and same and all(s.action in ("unchanged", "run") for s in steps)
    )


def _quiet(step: Step) -> Step:
    """A hook that has nothing to do."""
    if step.action != "run":
        return step
    return msgspec.structs.replace(step, action="unchanged", dangers=(), tried=True)
