from __future__ import annotations

import base64
from typing import Any

import pytest

from airferry_archive.release import Input, InputTarget
from airferry_fixtures.servers.cluster import Cluster
from airferry_foundation import documents
from airferry_foundation.errors import (
    ChartError,
    ClusterError,
    ImageReferenceError,
    InputError,
    ObjectRefusedError,
)
from airferry_installer.planning import planner, rendered, views
from airferry_installer.planning.plan import Plan, Step, ref_of

pytestmark = [pytest.mark.cluster, pytest.mark.program("helm")]

PULL = "registry.acme.lan/airferry/docker.io/shop/web@sha256:"


def actions(plan: Plan) -> dict[str, str]:
    return {f"{step.object.kind} {step.object.name}": step.action for step in plan.steps}


def step_of(plan: Plan, kind: str) -> Step:
    (step,) = [step for step in plan.steps if step.object.kind == kind]
    return step


def config_map(name: str, **data: str) -> str:
    lines = "".join(f"  {key}: {value}\n" for key, value in data.items())
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata:\n{lines}"


def test_a_first_install_creates_everything_with_pinned_images(
    world: Any, texts: dict[str, str]
) -> None:
    chart = world.chart({"templates/d.yaml": texts["deployment"]})
    plan = world.plan(world.release(chart, manifests=(world.manifests(config_map("a", k="v")),)))
    assert actions(plan) == {"ConfigMap a": "create", "Deployment web": "create"}
    assert (plan.operation, plan.revision, plan.running) == ("install", 0, None)
    assert plan.namespace == world.namespace
    body = rendered.load(world.state, plan.rendered).objects[1].body
    (container,) = body["spec"]["template"]["spec"]["containers"]
    assert container["image"].startswith(PULL)
    assert world.client.get(ref_of(body)) is None


def test_what_was_just_applied_is_all_unchanged(world: Any, texts: dict[str, str]) -> None:
    chart = world.chart(
        {
            "templates/d.yaml": texts["deployment"],
            "templates/secret.yaml": texts["password"],
            "templates/store.yaml": texts["store"],
        }
    )
    release = world.release(chart)
    world.put(world.plan(release))
    plan = world.plan(release)
    assert set(actions(plan).values()) == {"unchanged"}
    assert plan.operation == "upgrade"
    assert views.changes_nothing(plan)
    assert (plan.images, plan.values, plan.irreversible) == ((), (), ())


def test_one_value_and_one_image_are_all_that_an_upgrade_shows(
    world: Any, texts: dict[str, str]
) -> None:
    files = {
        "templates/d.yaml": texts["deployment"],
        "templates/secret.yaml": texts["password"],
        "templates/store.yaml": texts["store"],
    }
    world.put(world.plan(world.release(world.chart(files))))
    secret = world.client.get(ref_of(_body(world, "Secret")))["data"]
    chart = world.chart(files, values="level: debug\nimage: shop/web:2\n")
    images = ("docker.io/shop/web:1", "docker.io/shop/web:2")
    plan = world.plan(world.release(chart, version="1.1.0", images=images))
    changed = {name: action for name, action in actions(plan).items() if action != "unchanged"}
    assert changed == {"Deployment web": "update"}
    paths = [change.path for change in step_of(plan, "Deployment").fields]
    base = '.spec.template.spec.containers[name="web"]'
    assert paths == [f'{base}.env[name="LEVEL"].value', f"{base}.image"]
    assert {change.path for change in plan.values} == {"web.level", "web.image"}
    world.put(plan)
    assert world.client.get(ref_of(_body(world, "Secret")))["data"] == secret


def test_two_plans_of_an_unchanged_world_are_the_same_bytes(
    world: Any, texts: dict[str, str]
) -> None:
    chart = world.chart({"templates/s.yaml": texts["password"], "templates/d.yaml": texts["store"]
                         .replace("/secret.yaml", "/s.yaml")})  # fmt: skip
    release = world.release(chart)
    first, second = world.plan(release), world.plan(release)
    assert documents.encode(first) == documents.encode(second)
    objects = rendered.with_secrets(world.state, rendered.load(world.state, first.rendered))
    again = rendered.with_secrets(world.state, rendered.load(world.state, second.rendered))
    assert objects == again
    world.put(first)
    assert documents.encode(world.plan(release)) == documents.encode(world.plan(release))


def test_a_generated_password_is_made_once_and_never_changed(
    world: Any, texts: dict[str, str]
) -> None:
    chart = world.chart({"templates/s.yaml": texts["password"]})
    world.put(world.plan(world.release(chart)))
    ref = ref_of(_body(world, "Secret"))
    password = world.client.get(ref)["data"]["password"]
    other = world.chart({"templates/s.yaml": texts["password"].replace("user: shop", "user: s2")})
    plan = world.plan(world.release(other, version="1.1.0"))
    (change,) = step_of(plan, "Secret").fields
    assert (change.path, change.secret) == (".data.user", True)
    world.put(plan)
    after = world.client.get(ref)["data"]
    assert after == {"password": password, "user": base64.b64encode(b"s2").decode()}


def _body(world: Any, kind: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": "store", "namespace": world.namespace},
    }


LOOKUP = """\
{{- $there := lookup "v1" "Secret" .Release.Namespace "store" }}
apiVersion: v1
kind: Secret
metadata: {name: store}
data:
  {{- if $there }}
  password: {{ $there.data.password }}
  {{- else }}
  password: {{ randAlphaNum 24 | b64enc | quote }}
  {{- end }}
"""


def test_a_chart_that_looks_up_its_password_keeps_it(world: Any, texts: dict[str, str]) -> None:
    files = {"templates/secret.yaml": LOOKUP, "templates/store.yaml": texts["store"]}
    release = world.release(world.chart(files))
    first = world.plan(release)
    assert first.read == ('web/templates/secret.yaml: "v1" "Secret" .Release.Namespace "store"',)
    world.put(first)
    password = world.client.get(ref_of(_body(world, "Secret")))["data"]["password"]
    plan = world.plan(release)
    assert set(actions(plan).values()) == {"unchanged"}
    world.put(plan)
    assert world.client.get(ref_of(_body(world, "Secret")))["data"]["password"] == password


def test_secrets_stand_nowhere_in_the_clear(world: Any, tmp_path: Any) -> None:
    (tmp_path / "pw").write_text("correct horse battery\n")
    world.site("inputs: {admin: {file: pw}}")
    secret = """\
apiVersion: v1
kind: Secret
metadata: {name: admin}
stringData: {password: {{ .Values.admin | quote }}, url: "db://x:{{ .Values.admin }}@db"}
"""
    target = InputTarget(chart="web", path="admin")
    entry = Input(name="admin", type="string", secret=True, to=(target,))
    chart = world.chart({"templates/s.yaml": secret})
    plan = world.plan(world.release(chart, inputs=(entry,)))
    kept = rendered.load(world.state, plan.rendered)
    assert kept.objects[0].body["data"]["password"].startswith("hmac:")
    (real,) = rendered.with_secrets(world.state, kept)
    assert base64.b64decode(real.body["data"]["password"]) == b"correct horse battery"
    found = [path for path in world.state.folder.rglob("*") if path.is_file()]
    plain = (b"correct horse", base64.b64encode(b"correct horse battery"))
    for path in found:
        assert not any(word in path.read_bytes() for word in plain), path
    (tmp_path / "pw").write_text("another horse battery\n")
    assert world.plan(world.release(chart, inputs=(entry,))).inputs != plan.inputs


def test_a_secret_input_in_the_open_is_an_error_that_names_it(world: Any, tmp_path: Any) -> None:
    (tmp_path / "pw").write_text("correct horse battery\n")
    world.site("inputs: {admin: {file: pw}}")
    target = InputTarget(chart="web", path="admin")
    entry = Input(name="admin", type="string", secret=True, to=(target,))
    chart = world.chart({"templates/c.yaml": config_map("c", url='"x:{{ .Values.admin }}@db"')})
    with pytest.raises(InputError, match=r"'admin' in ConfigMap .*/c, /data/url") as caught:
        world.plan(world.release(chart, inputs=(entry,)))
    assert "horse" not in str(caught.value)


def test_an_input_goes_to_manifests_too_and_a_generated_one_is_made(world: Any) -> None:
    target = InputTarget(manifest="plain", kind="Secret", name="s", path="/stringData/token")
    entry = Input(name="token", type="string", secret=True, generated=True, to=(target,))
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {token: x}\n"
    release = world.release(manifests=(world.manifests(text),), inputs=(entry,))
    plan = world.plan(release)
    (item,) = rendered.load(world.state, plan.rendered).objects
    assert item.generated == ("/data/token",)
    assert item.body["data"]["token"] == "generated"
    assert world.plan(release) == plan


def test_the_namespace_is_created_or_an_error(world: Any, cluster: Cluster) -> None:
    name = f"{world.namespace[:40]}-new"
    world.site("")
    path = world.state.site_path
    path.write_text(path.read_text().replace(f"{{shop: {world.namespace}}}", f"{{shop: {name}}}"))
    release = world.release(world.chart({"templates/c.yaml": config_map("c", a="b")}))
    plan = world.plan(release)
    assert actions(plan) == {f"Namespace {name}": "create", "ConfigMap c": "create"}
    assert [step.tried for step in plan.steps] == [True, False]
    world.put(plan)
    assert set(actions(world.plan(release)).values()) == {"unchanged"}
    cluster.kubectl("delete", "namespace", name, "--wait=false")
    missing = f"{name}-2"
    path.write_text(path.read_text().replace(f"{{shop: {name}}}", f"{{shop: {missing}}}")
                    + "    create_namespaces: false\n")  # fmt: skip
    with pytest.raises(ClusterError, match=f"namespace {missing} does not exist"):
        world.plan(release)


CRD = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: promotions.GROUP}
spec:
  group: GROUP
  scope: Namespaced
  names: {kind: Promotion, plural: promotions}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""
PROMOTION = """\
{{- if .Capabilities.APIVersions.Has "GROUP/v1" }}
apiVersion: GROUP/v1
kind: Promotion
metadata: {name: spring}
spec: {percent: 10}
{{- end }}
"""


def test_a_new_kind_and_its_object_stand_in_one_plan(world: Any, cluster: Cluster) -> None:
    group = f"g{world.namespace[:8].strip('-')}.example"
    files = {
        "crds/p.yaml": CRD.replace("GROUP", group),
        "templates/p.yaml": PROMOTION.replace("GROUP", group),
    }
    release = world.release(world.chart(files))
    plan = world.plan(release)
    assert [(s.object.kind, s.action, s.tried, s.phase) for s in plan.steps] == [
        ("CustomResourceDefinition", "create", True, "crds"),
        ("Promotion", "create", False, "custom-resources"),
    ]
    world.put(plan)
    assert set(actions(world.plan(release)).values()) == {"unchanged"}
    cluster.kubectl("delete", "crd", f"promotions.{group}")


def test_what_a_release_drops_is_pruned_and_what_says_keep_is_not(world: Any) -> None:
    kept = config_map("kept", a="b").replace(
        "{name: kept}", '{name: kept, annotations: {helm.sh/resource-policy: "keep"}}'
    )
    both = world.chart({"templates/c.yaml": config_map("c", a="b"), "templates/k.yaml": kept,
                        "templates/d.yaml": config_map("d", a="b")})  # fmt: skip
    world.put(world.plan(world.release(both)))
    less = world.chart({"templates/d.yaml": config_map("d", a="b")})
    plan = world.plan(world.release(less, version="1.1.0"))
    assert actions(plan) == {"ConfigMap d": "unchanged", "ConfigMap c": "prune"}


def test_a_pruned_claim_is_a_danger(world: Any) -> None:
    claim = """\
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""
    other = config_map("c", a="b")
    world.put(world.plan(world.release(manifests=(world.manifests(f"{claim}---\n{other}"),))))
    plan = world.plan(world.release(manifests=(world.manifests(other),), version="1.1.0"))
    step = step_of(plan, "PersistentVolumeClaim")
    assert [d.danger for d in step.dangers] == ["deletes data"]
    assert any("data" in line for line in plan.irreversible)


def test_a_field_of_somebody_else_is_a_conflict_with_its_manager(
    world: Any, texts: dict[str, str]
) -> None:
    chart = world.chart({"templates/d.yaml": texts["deployment"]})
    release = world.release(chart)
    world.put(world.plan(release))
    (live,) = world.client.list("apps/v1", "Deployment", world.namespace)
    scaled = {**_stub(live), "spec": {"replicas": 7}}
    world.client.apply(scaled, manager="autoscaler", force=True)
    plan = world.plan(release)
    step = step_of(plan, "Deployment")
    assert step.action == "conflict"
    assert [(c.path, c.manager) for c in step.conflicts] == [(".spec.replicas", "autoscaler")]
    assert [(f.path, f.before, f.after) for f in step.fields] == [(".spec.replicas", "7", "1")]
    world.site("ignore: [{kind: Deployment, name: web, paths: [/spec/replicas]}]")
    assert actions(world.plan(release)) == {"Deployment web": "unchanged"}
    world.put(world.plan(release))
    assert world.client.list("apps/v1", "Deployment", world.namespace)[0]["spec"]["replicas"] == 7


def _stub(live: dict[str, Any]) -> dict[str, Any]:
    metadata = {key: live["metadata"][key] for key in ("name", "namespace")}
    return {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": metadata}


def test_an_immutable_field_is_a_replacement_and_a_danger(
    world: Any, texts: dict[str, str]
) -> None:
    world.put(world.plan(world.release(world.chart({"templates/d.yaml": texts["deployment"]}))))
    other = texts["deployment"].replace("app: web", "app: other")
    plan = world.plan(world.release(world.chart({"templates/d.yaml": other}), version="1.1.0"))
    step = step_of(plan, "Deployment")
    assert step.action == "replace"
    assert [d.danger for d in step.dangers] == ["immutable field"]
    assert ".spec.selector.matchLabels.app" in [f.path for f in step.fields]


def test_dangers_are_told_by_name(world: Any) -> None:
    text = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: r}
rules: [{apiGroups: [""], resources: [secrets], verbs: [get, list]}]
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  hostNetwork: true
  containers: [{name: a, image: "shop/web:1", securityContext: {privileged: true}}]
"""
    plan = world.plan(world.release(manifests=(world.manifests(text),)))
    found = {(d.danger, d.text) for step in plan.steps for d in step.dangers}
    assert found == {
        ("widens rights", "get, list of secrets"),
        ("host access", "shares the node's network (hostNetwork)"),
        ("privileged", "container a is privileged"),
    }


HOOK = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: NAME
  annotations: {helm.sh/hook: "EVENTS"}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: a, image: "shop/web:1"}]
"""


def hook(name: str, events: str) -> str:
    return HOOK.replace("NAME", name).replace("EVENTS", events)


def test_hooks_of_the_operation_run_and_rest_when_nothing_changes(world: Any) -> None:
    files = {
        "templates/c.yaml": config_map("c", a="{{ .Values.a | default 1 | quote }}"),
        "templates/h.yaml": hook("migrate", "pre-install,pre-upgrade"),
        "templates/w.yaml": hook("welcome", "post-install"),
        "templates/t.yaml": hook("try", "test"),
    }
    release = world.release(world.chart(files))
    plan = world.plan(release)
    assert [(s.object.name, s.action, s.phase, s.hook) for s in plan.steps] == [
        ("c", "create", "config", None),
        ("migrate", "run", "pre-hooks", "pre-install"),
        ("welcome", "run", "post-hooks", "post-install"),
    ]
    assert len(plan.irreversible) == 2
    world.put(plan)
    assert actions(world.plan(release)) == {"ConfigMap c": "unchanged", "Job migrate": "unchanged"}
    other = world.release(world.chart(files, values="a: 2\n"), version="1.1.0")
    assert actions(world.plan(other)) == {"ConfigMap c": "update", "Job migrate": "run"}


def test_a_rollback_is_a_plan_of_an_older_rendered_release(
    world: Any, texts: dict[str, str]
) -> None:
    chart = {"templates/d.yaml": texts["deployment"]}
    first = world.plan(world.release(world.chart(chart)))
    world.put(first)
    second = world.chart({**chart, "templates/c.yaml": config_map("c", a="b")}, values="level: x\n")
    world.put(world.plan(world.release(second, version="1.1.0")))
    kept = rendered.load(world.state, first.rendered)
    plan = planner.plan_rendered(world.state, world.client, "staging", kept, "rollback")
    assert (plan.operation, plan.version, plan.revision) == ("rollback", "1.0.0", 2)
    assert actions(plan) == {"Deployment web": "update", "ConfigMap c": "prune"}


def test_objects_that_somebody_else_made_are_taken_over(world: Any, cluster: Cluster) -> None:
    cluster.kubectl("create", "configmap", "c", "--from-literal=a=b", "-n", world.namespace)
    release = world.release(world.chart({"templates/c.yaml": config_map("c", a="b")}))
    step = step_of(world.plan(release), "ConfigMap")
    assert (step.action, step.fields) == ("update", ())
    world.put(world.plan(release))
    assert actions(world.plan(release)) == {"ConfigMap c": "unchanged"}


def test_foreign_images_are_refused_with_their_place(world: Any, texts: dict[str, str]) -> None:
    chart = world.chart({"templates/d.yaml": texts["deployment"]}, values="image: evil.io/x:1\n")
    with pytest.raises(ImageReferenceError, match=r"Deployment .*/web, .*/image: evil\.io/x:1"):
        world.plan(world.release(chart))


def test_what_the_server_would_refuse_is_listed_at_once(world: Any) -> None:
    text = "".join(
        f"apiVersion: v1\nkind: Service\nmetadata: {{name: s{n}}}\nspec: {{ports: []}}\n---\n"
        for n in range(2)
    )
    with pytest.raises(ObjectRefusedError, match=r"2 objects(.|\n)*/s0(.|\n)*/s1"):
        world.plan(world.release(manifests=(world.manifests(text),)))


def test_a_kind_that_nobody_brings_is_named(world: Any) -> None:
    chart = world.chart({"templates/x.yaml": "apiVersion: x.io/v1\nkind: X\nmetadata: {name: a}\n"})
    with pytest.raises(ChartError, match=r"chart web: the cluster does not serve X of x\.io/v1"):
        world.plan(world.release(chart))


def test_one_object_out_of_two_charts_is_an_error(world: Any) -> None:
    files = {"templates/c.yaml": config_map("same", a="b")}
    with pytest.raises(ChartError, match="made twice: by chart one and by chart two"):
        world.plan(world.release(world.chart(files, "one"), world.chart(files, "two")))


def test_site_values_labels_and_pull_secrets_are_put_in(
    world: Any, tmp_path: Any, texts: dict[str, str]
) -> None:
    (tmp_path / "staging.yaml").write_text("replicas: 5\n")
    (tmp_path / "pull.json").write_text('{"auths": {}}')
    world.site("values: {shop: [staging.yaml]}\nlabels: {cost-centre: '4711'}")
    path = world.state.site_path
    path.write_text(
        path.read_text().replace("plain_http", "pull_auth: {create: {from: pull.json}}, plain_http")
    )
    chart = world.chart({"templates/d.yaml": texts["deployment"]}, values="replicas: 2\n")
    plan = world.plan(world.release(chart))
    secret, deployment = (i.body for i in rendered.load(world.state, plan.rendered).objects)
    assert secret["type"] == "kubernetes.io/dockerconfigjson"
    assert secret["metadata"]["name"] == "airferry-pull"
    assert deployment["spec"]["replicas"] == 5
    assert deployment["metadata"]["labels"] == {"cost-centre": "4711"}
    pods = deployment["spec"]["template"]["spec"]
    assert pods["imagePullSecrets"] == [{"name": "airferry-pull"}]


def test_a_chart_that_does_not_render_names_file_and_line(world: Any) -> None:
    chart = world.chart({"templates/a.yaml": "a: 1\nb: {{ .Values.x.y }}\n"})
    with pytest.raises(ChartError, match=r"web-1\.0\.0\.tgz, web/templates/a\.yaml, line 2"):
        world.plan(world.release(chart))
