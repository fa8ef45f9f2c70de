from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import msgspec

from airferry_foundation import documents
from airferry_foundation.digests import digest
from airferry_installer.approving.windows import Calendar
from airferry_installer.planning import consequences, views
from airferry_installer.planning.plan import (
    Conflict,
    FieldChange,
    ImageChange,
    ObjectRef,
    Plan,
    PlannedDanger,
    Running,
    Step,
)
from airferry_installer.planning.rendered import Rendered

WEB = ObjectRef(api_version="apps/v1", kind="Deployment", namespace="shop", name="web")
EVIL = '<script>alert("x")</script>'


def step(action: str = "update", **fields: Any) -> Step:
    return Step(**{"object": WEB, "action": action, "phase": "workloads", **fields})


def plan(*steps: Step, **fields: Any) -> Plan:
    made = Plan(
        schema="airferry.plan/v1",
        operation="upgrade",
        customer="acme",
        environment="production",
        product="shop",
        version="1.5.0",
        release=digest(b"r"),
        release_counter=2,
        epoch=1,
        rendered=digest(b"x"),
        inputs=digest(b"i"),
        cluster="6b1f",
        kubernetes="v1.37.2",
        revision=3,
        running=Running(
            revision=3,
            product="shop",
            version="1.4.0",
            release=digest(b"o"),
            rendered=digest(b"y"),
            epoch=1,
            release_counter=1,
        ),
        steps=steps,
        namespace="shop",
    )
    return msgspec.structs.replace(made, **fields)


def text(made: Plan) -> str:
    return "\n".join(views.text(made))


def test_the_text_shows_fields_images_values_and_dangers() -> None:
    change = FieldChange(path=".spec.replicas", before="1", after="2")
    danger = PlannedDanger(danger="privileged", text="container web is privileged")
    image = ImageChange(name="shop/web", before="l/web@sha256:aa", after="l/web@sha256:bb")
    value = FieldChange(path="shop.replicas", before="1", after="2")
    shown = text(
        plan(
            step(fields=(change,), dangers=(danger,)),
            step("unchanged"),
            images=(image,),
            values=(value,),
            irreversible=("what Job shop/migrate does stays done",),
        )
    )
    for expected in (
        "upgrade of shop 1.5.0 on production",
        "runs now: 1.4.0 (revision 3); this becomes revision 4",
        "~ update Deployment shop/web",
        ".spec.replicas: 1 -> 2",
        "! privileged: container web is privileged",
        "sha256:aa -> sha256:bb",
        "shop.replicas: 1 -> 2",
        "a back-out can't undo:",
        "1 update, 1 unchanged",
        "a back-out leads to: 1.4.0",
    ):
        assert expected in shown


def test_secrets_are_told_as_changed_and_nothing_more() -> None:
    changes = (
        FieldChange(path=".data.a", before='"hmac:1"', after='"hmac:2"', secret=True),
        FieldChange(path=".data.b", after='"hmac:3"', secret=True),
        FieldChange(path=".data.c", before='"hmac:4"', secret=True),
    )
    made = plan(step(fields=changes))
    for shown in (text(made), views.html(made)):
        assert "a secret changes" in shown
        assert "a secret is set" in shown
        assert "a secret is removed" in shown
        assert "hmac:" not in shown


def test_a_plan_without_change_says_so() -> None:
    made = plan(step("unchanged"))
    assert views.changes_nothing(made)
    assert text(made).endswith("nothing changes: all 1 objects are as they should be")
    assert "All 1 objects are as they should be" in views.html(made)


def test_a_conflict_says_that_the_plan_can_not_be_applied() -> None:
    conflict = Conflict(path=".spec.replicas", manager="autoscaler")
    shown = text(plan(step("conflict", conflicts=(conflict,))))
    assert ".spec.replicas is owned by autoscaler" in shown
    assert "this plan can't be applied" in shown


def test_long_values_and_many_fields_are_cut_in_text_only() -> None:
    fields = tuple(FieldChange(path=f".f{n}", before="1", after='"' + "x" * 500) for n in range(20))
    made = plan(step(fields=fields))
    assert "and 8 more fields" in text(made)
    assert "x" * 200 not in text(made)
    assert views.html(made).count("x" * 500) == 20


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [f"{k}={v}" for k, v in attrs if k in ("src", "href")]


def test_the_page_is_self_contained_and_escapes_what_it_shows() -> None:
    danger = PlannedDanger(danger="privileged", text=EVIL)
    evil = step(
        fields=(FieldChange(path=EVIL, before=EVIL, after=EVIL),),
        dangers=(danger,),
        conflicts=(Conflict(path=EVIL, manager=EVIL),),
    )
    made = plan(evil, read=(EVIL,), irreversible=(EVIL,), kubernetes=EVIL)
    page = views.html(made, made_at="2026-11-24T12:00:00Z")
    parsed = _Page()
    parsed.feed(page)
    assert "script" not in parsed.tags
    assert parsed.loads == []
    assert documents.digest_of(made) in page
    assert "2026-11-24T12:00:00Z" in page
    assert page.count("&lt;script&gt;") >= 8


def test_the_answer_for_scripts_names_digest_and_counts() -> None:
    made = plan(step(), step("unchanged"))
    answer = views.answer(made)
    assert answer["digest"] == documents.digest_of(made)
    assert answer["actions"] == {"update": 1, "unchanged": 1}
    assert answer["changes"] is True


# --- consequences ---------------------------------------------------------------------------------


def release(images: dict[str, str], values: dict[str, str] | None = None) -> Rendered:
    return Rendered(
        schema="airferry.rendered/v1",
        product="shop",
        version="1.0.0",
        release=digest(b"r"),
        release_counter=1,
        epoch=1,
        environment="staging",
        namespace="n",
        operation="install",
        inputs=digest(b"i"),
        images=images,
        values=values or {},
        objects=(),
    )


def test_a_new_tag_is_a_change_of_one_image() -> None:
    before = release({"x.io/web:1": "l/web@a", "x.io/db:1": "l/db@a"})
    after = release({"x.io/web:2": "l/web@b", "x.io/db:1": "l/db@a"})
    found = consequences.images(before, after)
    assert found == (ImageChange(name="x.io/web", before="l/web@a", after="l/web@b"),)
    assert [c.before for c in consequences.images(None, after)] == [None, None]


def test_values_that_differ_are_told_secret_ones_marked() -> None:
    before = release({}, {"a": "1", "b": "hmac:1", "c": "3"})
    after = release({}, {"a": "2", "b": "hmac:2", "c": "3"})
    found = [(c.path, c.secret) for c in consequences.values(before, after)]
    assert found == [("a", False), ("b", True)]
    assert consequences.values(None, after) == ()


def test_what_can_not_be_undone_is_told() -> None:
    claim = ObjectRef(api_version="v1", kind="PersistentVolumeClaim", namespace="n", name="d")
    job = ObjectRef(api_version="batch/v1", kind="Job", namespace="n", name="migrate")
    danger = PlannedDanger(danger="deletes data", text="the claim goes")
    lines = consequences.irreversible(
        [
            step("prune", object=claim, dangers=(danger,)),
            step("run", object=job, hook="pre-upgrade"),
            step("update"),
        ]
    )
    assert lines == (
        "PersistentVolumeClaim n/d: the claim goes",
        "what Job n/migrate does when it runs (pre-upgrade) stays done",
    )


def test_when_it_may_be_applied_is_shown() -> None:
    window = {"days": ["mon"], "from": "22:00", "to": "04:00", "zone": "Europe/Berlin"}
    freeze = {"from": "2026-12-24", "until": "2026-12-26", "zone": "Europe/Berlin", "reason": EVIL}
    calendar = msgspec.convert({"windows": [window], "freezes": [freeze]}, Calendar)
    timed = plan(step(), calendar=calendar)
    lines = "\n".join(views.text(timed))
    assert "when: mon from 22:00 to 04:00 the next day, Europe/Berlin" in lines
    assert "when: not from 2026-12-24 until 2026-12-26" in lines
    page = views.html(timed)
    assert "mon from 22:00" in page
    assert EVIL not in page
    assert views.answer(timed)["calendar"][0].startswith("mon from")
    assert views.answer(plan(step()))["calendar"] == []
    assert "<th>When<" not in views.html(plan(step()))


def test_the_page_says_how_old_the_vendors_word_is() -> None:
    page = views.html(plan(step()), channel=("shop: newest 1.5.0", EVIL))
    assert "<th>The vendor's word</th><td>shop: newest 1.5.0<br>" in page
    assert EVIL not in page
    assert "vendor's word" not in views.html(plan(step()))
