"""Apply: an approved plan becomes a running release.

Gate -> turn -> stages -> prune -> done. Until the turn is taken in the cluster's inventory nothing
is touched but, where the inventory's own namespace is new, that namespace. Every step may be done
again: an apply that was cut goes through all of them once more, and each finds its object either in
the state before the plan or in the one after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from airferry_foundation import clock, documents
from airferry_foundation.errors import (
    AirferryError,
    ApprovalError,
    ClusterError,
    ConflictError,
    InputError,
)
from airferry_foundation.progress import SILENT, Progress
from airferry_installer import ahead, revisions
from airferry_installer.applying import begin, hooks, inventory, unmoved, waiting, writing
from airferry_installer.applying.begin import Turn
from airferry_installer.applying.inventory import Held
from airferry_installer.applying.ledger import Ledger
from airferry_installer.applying.order import Stage, identity, ref_of, removal, shown, stages
from airferry_installer.approving.gate import Approved
from airferry_installer.approving.permission import expect_open, permit
from airferry_installer.approving.requests import Signed
from airferry_installer.cluster.client import ClusterClient
from airferry_installer.planning import rendered as renders
from airferry_installer.planning.plan import ObjectRef, Plan, Running
from airferry_installer.planning.planner import plan_rendered
from airferry_installer.planning.rendered import Rendered, RenderedObject
from airferry_installer.revisions import Outcome, Revision
from airferry_installer.site import Environment
from airferry_installer.state.folder import StateFolder
from airferry_rendering.objects import Object


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply did."""

    turn: Turn
    running: Running
    approved: Approved | None
    pruned: tuple[ObjectRef, ...] = ()


def apply(
    state: StateFolder,
    client: ClusterClient,
    plan: Plan,
    *,
    request: Signed | None = None,
    approvals: Sequence[Signed] = (),
    progress: Progress = SILENT,
) -> Applied:
    """Apply a plan, or go on with it where it was cut; a plan that is done is left alone.

    ApprovalError, ConflictError, ClusterBusyError: nothing was touched. UnhealthyError and other
    cluster errors later on: the change stands as failed; apply again, or back out.
    """
    digest = documents.digest_of(plan)
    with state.exclusive():
        approved = _permitted(state, plan, digest, request, approvals)
        environment = _environment(state, client, plan)
        held = inventory.read(client, plan.namespace, plan.product)
        turn = begin.judge(held, plan, digest)
        if turn == "done":
            return Applied(turn, begin.target_of(plan, digest), approved)
        if approved is None and turn == "fresh":
            raise ApprovalError("the cluster does not know this plan as begun; give its approvals")
        if approved is None:
            expect_open(state, plan)  # going on changes the cluster too
        for signed in (*approvals, *((request,) if request else ())):
            state.keep("approval", signed.document)  # evidence: the journal names their digests
            state.keep("approval", signed.signature)
        change = _Change(state, client, plan, digest, environment.timeout, approved, progress)
        return change.run(held, turn)


def check_approved(
    state: StateFolder, plan: Plan, request: Signed | None, approvals: Sequence[Signed]
) -> None:
    """ApprovalError before a cluster is even asked; `apply` asks the gate again."""
    _permitted(state, plan, documents.digest_of(plan), request, approvals)


def _permitted(
    state: StateFolder,
    plan: Plan,
    digest: str,
    request: Signed | None,
    approvals: Sequence[Signed],
) -> Approved | None:
    """The gate's answer; None for a change that was begun here: its approvals are used up."""
    kept = revisions.kept(state, plan.environment, plan.product)
    if not approvals and any(r.plan == digest for r in kept):
        return None
    return permit(state, plan, request, approvals)


def _environment(state: StateFolder, client: ClusterClient, plan: Plan) -> Environment:
    """The plan's environment, which must be of this customer and this cluster."""
    site = state.site()
    if plan.customer != site.customer:
        raise InputError(f"the plan is of customer {plan.customer!r}, this is {site.customer!r}")
    found = client.uid(plan.namespace)
    if found != plan.cluster:
        raise ConflictError(
            f"the plan was made for cluster {plan.cluster}; {plan.environment} is cluster {found}; "
            "nothing was changed",
            "Check `kubernetes:` of this environment in site.yaml, or make a new plan.",
        )
    unmoved.check_plan(plan)
    return site.environment(plan.environment)


@dataclass(frozen=True, slots=True)
class _Change:
    """One apply from its turn to its end."""

    state: StateFolder
    client: ClusterClient
    plan: Plan
    digest: str
    timeout: int
    approved: Approved | None
    progress: Progress

    def run(self, held: Held | None, turn: Turn) -> Applied:
        rendered = renders.load(self.state, self.plan.rendered)
        objects = renders.with_secrets(self.state, rendered)
        if turn == "fresh":
            ledger = Ledger(self.client, self._begin(held, rendered, objects))
        else:
            assert held is not None  # noqa: S101 - `judge` resumes only what it found
            ledger = Ledger(self.client, held)
            ledger.write(attempt=ledger.now.attempt + 1, state="applying")
            self._journal("apply resumed", attempt=ledger.now.attempt)
        try:
            pruned = self._carry_out(ledger, objects)
        except AirferryError as error:
            self._failed(ledger, error)
            raise
        return self._done(ledger, turn, objects, pruned)

    def _begin(
        self, held: Held | None, rendered: Rendered, objects: Sequence[RenderedObject]
    ) -> Held:
        plan = self.plan
        fresh = plan_rendered(self.state, self.client, plan.environment, rendered, plan.operation)
        moved = unmoved.check(plan, fresh)
        _make_namespace(self.client, plan.namespace, objects)
        refs = [ref_of(item.body) for item in objects if item.hook is None]
        planned = begin.planned(plan, held, refs)
        word = ahead.word(self.state, plan.product)
        held = begin.begin(self.client, held, plan, self.digest, planned, word)
        self.state.keep("plan", documents.encode(plan))
        self._record("applying")
        approvals = list(self.approved.approvals) if self.approved else []
        window = self.approved.closes if self.approved else None
        self._journal("apply begun", moved=list(moved), approvals=approvals, window=window)
        return held

    def _carry_out(self, ledger: Ledger, objects: Sequence[RenderedObject]) -> list[ObjectRef]:
        for stage in stages(objects):
            if stage.is_hooks:
                hooks.run(
                    self.client,
                    ledger,
                    self._planned_hooks(stage),
                    plan=self.digest,
                    timeout=self.timeout,
                    progress=self.progress,
                )
            else:
                self._stage(ledger, stage)
        return self._prune(ledger)

    def _planned_hooks(self, stage: Stage[RenderedObject]) -> list[RenderedObject]:
        """Only what the plan says will run: a rollback does not run an install's hooks."""
        runs = {(s.phase, identity(s.object)) for s in self.plan.steps if s.action == "run"}
        return [o for o in stage.objects if (o.phase, identity(ref_of(o.body))) in runs]

    def _stage(self, ledger: Ledger, stage: Stage[RenderedObject]) -> None:
        replaced = {
            identity(step.object): step.uid for step in self.plan.steps if step.action == "replace"
        }
        bring_up(self.client, ledger, stage, replaced, timeout=self.timeout, progress=self.progress)

    def _prune(self, ledger: Ledger) -> list[ObjectRef]:
        steps = {identity(step.object): step for step in self.plan.steps if step.action == "prune"}
        pruned: list[ObjectRef] = []
        for ref in removal(step.object for step in steps.values()):
            self.progress.note(f"delete {shown(ref)}")
            uid = steps[identity(ref)].uid
            writing.remove(self.client, ref, uid, timeout=self.timeout)
            ledger.gone(ref)
            pruned.append(ref)
        return pruned

    def _done(
        self,
        ledger: Ledger,
        turn: Turn,
        objects: Sequence[RenderedObject],
        pruned: Sequence[ObjectRef],
    ) -> Applied:
        target = begin.target_of(self.plan, self.digest)
        ours = {identity(ref_of(item.body)) for item in objects if item.hook is None}
        self._record("applied")
        ledger.write(
            state="applied",
            running=target,
            previous=ledger.now.running,
            target=None,
            attempt=0,
            # What the plan neither wanted nor pruned is gone, adopted, or to be kept: released.
            objects=tuple(o for o in ledger.now.objects if identity(o.ref) in ours),
        )
        self._journal("apply finished", objects=len(objects), pruned=[shown(r) for r in pruned])
        return Applied(turn, target, self.approved, tuple(pruned))

    def _failed(self, ledger: Ledger, error: AirferryError) -> None:
        self._journal("apply failed", error=error.message[:2000])
        self._record("failed")
        with suppress(ClusterError):  # a cluster that does not answer keeps `applying`: the same
            ledger.write(state="failed")  # apply goes on from there too

    def _journal(self, event: str, **facts: str | int | list[str] | None) -> None:
        plan, approved = self.plan, self.approved
        people = list(approved.people) if approved else []
        self.state.journal.append(
            event,
            environment=plan.environment,
            product=plan.product,
            version=plan.version,
            operation=plan.operation,
            revision=plan.revision + 1,
            plan=self.digest,
            approved_by=people or ("nobody: policy none" if _without_policy(approved) else []),
            tickets=list(approved.tickets) if approved else [],
            **facts,
        )

    def _record(self, outcome: Outcome) -> None:
        plan, approved = self.plan, self.approved
        known = {r.number: r for r in revisions.kept(self.state, plan.environment, plan.product)}
        before = known.get(plan.revision + 1)
        revision = Revision(
            number=plan.revision + 1,
            outcome=outcome,
            running=begin.target_of(plan, self.digest),
            plan=self.digest,
            namespace=plan.namespace,
            approved_by=approved.people if approved else (before.approved_by if before else ()),
            tickets=approved.tickets if approved else (before.tickets if before else ()),
            at=clock.timestamp(),
        )
        revisions.record(self.state, plan.environment, plan.product, revision)


def bring_up(
    client: ClusterClient,
    ledger: Ledger,
    stage: Stage[RenderedObject],
    replaced: dict[tuple[str, str, str, str], str | None],
    *,
    timeout: float,
    progress: Progress,
) -> None:
    """Apply every object of a stage, and wait until they are ready where the stage waits.

    Uids are written down when all are applied.
    """
    task = progress.start(f"apply {stage.phase}", len(stage.objects), "items")
    refs: list[ObjectRef] = []
    try:
        for item in stage.objects:
            ref = ref_of(item.body)
            refs.append(ref)
            body = _body_of(client, item, ref)
            if identity(ref) in replaced:
                live = writing.recreate(client, body, replaced[identity(ref)], timeout=timeout)
            else:
                live = writing.put(client, body)
            ledger.saw(ref, live)
            task.advance(1)
    finally:
        task.finish(f"{len(refs)} of {len(stage.objects)} objects")
        with suppress(ClusterError):  # uids are a convenience; the superset is written already
            ledger.save()
    if stage.waits:
        waiting.until_ready(client, refs, timeout=timeout, what=stage.phase, progress=progress)


def _body_of(client: ClusterClient, item: RenderedObject, ref: ObjectRef) -> Object:
    """What is sent: generated and ignored fields have the value that they have right now."""
    keeps = item.generated or item.ignored
    live = writing.patiently(lambda: client.get(ref)) if keeps else None
    return renders.effective(item, live)


def _make_namespace(
    client: ClusterClient, namespace: str, objects: Sequence[RenderedObject]
) -> None:
    """The inventory's namespace, which the plan may be about to create itself."""
    ref = ObjectRef(api_version="v1", kind="Namespace", name=namespace)
    if client.get(ref) is not None:
        return
    for item in objects:
        if ref_of(item.body) == ref:
            writing.put(client, item.body)
            waiting.until_ready(client, [ref], timeout=writing.PATIENCE, what=f"{shown(ref)}")
            return
    raise InputError(
        f"namespace {namespace} of the inventory does not exist, and the plan does not create it",
        "Create it, or set create_namespaces or inventory_namespace in site.yaml; then plan anew.",
    )


def _without_policy(approved: Approved | None) -> bool:
    return approved is not None and approved.without_policy
