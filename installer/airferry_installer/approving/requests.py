"""Request and approval: what people sign about a plan, each with one SSHSIG beside it.

`plan.json.request.json` + `.sig` says who wants the change; `approval.json` + `.sig` says that one
person agrees to exactly this plan. Both can be checked by hand:

    ssh-keygen -Y verify -f SIGNERS -I PERSON -n airferry-v1 -s approval.json.sig < approval.json
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from airferry_archive.release import Line, Name
from airferry_foundation import clock, documents, files
from airferry_foundation.clock import Timestamp
from airferry_foundation.digests import Digest
from airferry_foundation.documents import Document
from airferry_foundation.errors import DocumentError, MissingInputError
from airferry_installer.approving import windows
from airferry_installer.planning.plan import MAX_BYTES as MAX_PLAN_BYTES
from airferry_installer.planning.plan import Operation, Plan
from airferry_signing import sshsig

MAX_BYTES = 64 << 10


class Request(Document, frozen=True, kw_only=True):
    """One person asks for a plan to be applied."""

    schema: Literal["airferry.request/v1"]
    plan: Digest
    customer: Name
    environment: Name
    product: Name
    version: Line
    operation: Operation
    revision: int
    requested_at: Timestamp
    justification: Line = ""


class Approval(Document, frozen=True, kw_only=True):
    """One person agrees to a plan. `revision` is the environment's when the plan was made."""

    schema: Literal["airferry.approval/v1"]
    plan: Digest
    customer: Name
    environment: Name
    product: Name
    revision: int
    approved_at: Timestamp
    ticket: Line = ""
    justification: Line = ""


@dataclass(frozen=True, slots=True)
class Signed:
    """A document's bytes and the signature beside it, neither judged yet."""

    name: str
    document: bytes
    signature: bytes


def read_plan(path: Path) -> Plan:
    """The plan in a file; DocumentError if it is none, or not canonical."""
    data = files.read_capped(path, MAX_PLAN_BYTES)
    plan = documents.decode(data, Plan, name=str(path), cap=MAX_PLAN_BYTES, text="any")
    wrong = list(windows.problems(plan.calendar)) if plan.calendar else []
    if wrong:
        raise DocumentError(f"{path} has a calendar that can't be used: {'; '.join(wrong)}")
    return plan


def request_path(plan: Path) -> Path:
    """Where the request of a plan file lies."""
    return plan.with_name(f"{plan.name}.request.json")


def signature_path(document: Path) -> Path:
    """Where the signature of a person's document lies."""
    return document.with_name(f"{document.name}.sig")


def read_signed(path: Path) -> Signed:
    """A document with the signature beside it; MissingInput names the one that is not there."""
    beside = signature_path(path)
    document = files.read_capped(path, MAX_BYTES)
    if not beside.exists():
        raise MissingInputError(
            f"{beside} does not exist: {path} comes without its signature",
            "Carry both files together.",
        )
    return Signed(str(path), document, files.read_capped(beside, sshsig.MAX_BYTES))


def ask(plan: Plan, *, justification: str = "") -> Request:
    """A request for a plan, dated now."""
    return Request(
        schema="airferry.request/v1",
        plan=documents.digest_of(plan),
        customer=plan.customer,
        environment=plan.environment,
        product=plan.product,
        version=plan.version,
        operation=plan.operation,
        revision=plan.revision,
        requested_at=clock.timestamp(),
        justification=justification,
    )


def agree(plan: Plan, *, ticket: str = "", justification: str = "") -> Approval:
    """An approval of a plan, dated now."""
    return Approval(
        schema="airferry.approval/v1",
        plan=documents.digest_of(plan),
        customer=plan.customer,
        environment=plan.environment,
        product=plan.product,
        revision=plan.revision,
        approved_at=clock.timestamp(),
        ticket=ticket,
        justification=justification,
    )


def sign(document: Request | Approval, key: sshsig.SshPrivateKey) -> Signed:
    """The canonical bytes and their signature; DocumentError if a line holds control characters."""
    data = documents.encode(document)
    kind = type(document)
    name = msgspec.json.decode(data)["schema"]
    documents.decode(data, kind, name=f"the {name}", cap=MAX_BYTES)
    return Signed(str(name), data, sshsig.sign(data, key))


def write(path: Path, signed: Signed) -> None:
    """Write a document and its signature beside it; the signature comes last."""
    files.write_atomic(path, signed.document)
    files.write_atomic(signature_path(path), signed.signature)
