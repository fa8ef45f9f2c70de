"""In which order objects are applied: phases first, then Helm's order of kinds, then names."""

from __future__ import annotations

from airferry_rendering.hooks import Hook
from airferry_rendering.objects import Object, group_of, key_of

PHASES = (
    "namespaces",
    "crds",
    "config",
    "pre-hooks",
    "workloads",
    "webhooks",
    "custom-resources",
    "post-hooks",
)
"""The phases of an apply, in order; pruning follows them."""

PRUNE = "prune"
"""What the plan calls the phase of objects that go."""

KIND_ORDER = (
    "PriorityClass", "Namespace", "NetworkPolicy", "ResourceQuota", "LimitRange",
    "PodSecurityPolicy", "PodDisruptionBudget", "ServiceAccount", "Secret", "SecretList",
    "ConfigMap", "StorageClass", "PersistentVolume", "PersistentVolumeClaim",
    "CustomResourceDefinition", "ClusterRole", "ClusterRoleList", "ClusterRoleBinding",
    "ClusterRoleBindingList", "Role", "RoleList", "RoleBinding", "RoleBindingList", "Service",
    "DaemonSet", "Pod", "ReplicationController", "ReplicaSet", "Deployment",
    "HorizontalPodAutoscaler", "StatefulSet", "Job", "CronJob", "IngressClass", "Ingress",
    "APIService", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration",
)  # fmt: skip
"""helm.sh/helm/v4/pkg/release/v1/util/kind_sorter.go, InstallOrder."""

BUILT_IN_GROUPS = frozenset({
    "", "apps", "batch", "autoscaling", "policy", "admissionregistration.k8s.io",
    "apiextensions.k8s.io", "apiregistration.k8s.io", "authentication.k8s.io",
    "authorization.k8s.io", "certificates.k8s.io", "coordination.k8s.io", "discovery.k8s.io",
    "events.k8s.io", "flowcontrol.apiserver.k8s.io", "networking.k8s.io", "node.k8s.io",
    "rbac.authorization.k8s.io", "resource.k8s.io", "scheduling.k8s.io", "storage.k8s.io",
})  # fmt: skip
"""The API groups of Kubernetes itself; every other one comes from a CRD or an APIService."""

_WEBHOOKS = {"APIService", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"}
_WORKLOADS = {
    "Service", "DaemonSet", "Pod", "ReplicationController", "ReplicaSet", "Deployment",
    "HorizontalPodAutoscaler", "StatefulSet", "Job", "CronJob", "Ingress", "IngressClass",
    "Endpoints", "EndpointSlice",
}  # fmt: skip
_RANK = {kind: rank for rank, kind in enumerate(KIND_ORDER)}


def phase_of(obj: Object, hook: Hook | None = None) -> str:
    """The phase of an object; a hook's is that of its first event (`pre-…` or `post-…`)."""
    if hook is not None:
        return "pre-hooks" if hook.events[0].startswith("pre-") else "post-hooks"
    kind, group = obj["kind"], group_of(obj["apiVersion"])
    if group not in BUILT_IN_GROUPS:
        return "custom-resources"
    if kind == "Namespace":
        return "namespaces"
    if kind == "CustomResourceDefinition":
        return "crds"
    if kind in _WEBHOOKS:
        return "webhooks"
    return "workloads" if kind in _WORKLOADS else "config"


def order_of(obj: Object) -> tuple[int, int, str, str, str]:
    """The place of an object that is no hook: phase, Helm's kind order, kind, namespace, name."""
    key = key_of(obj)
    rank = _RANK.get(key.kind, len(_RANK))
    return PHASES.index(phase_of(obj)), rank, key.kind, key.namespace, key.name


def order_of_hook(obj: Object, hook: Hook, chart: int) -> tuple[int, int, int, str, str]:
    """The place of a hook: phase, its chart's number, weight, name, kind."""
    phase = PHASES.index(phase_of(obj, hook))
    return phase, chart, hook.order, obj["metadata"]["name"], obj["kind"]
