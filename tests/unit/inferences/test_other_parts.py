"""Rules of the parts that this engine refuses as yet: what is wrong is said all the same."""

from typing import Any

import pytest

from tests.unit.inferences.bodies import body, problems, rule_errors

SIZE = {"size": "1Gi"}


@pytest.mark.parametrize(
    "fields",
    [
        {"tolerations": [{"operator": "Equal", "key": "a", "value": "b", "effect": "NoSchedule"}]},
        {
            "tolerations": [
                {"operator": "Exists", "key": "a", "effect": "NoExecute", "seconds": 60},
                {"operator": "Exists", "key": "a", "effect": "Any"},
            ]
        },
        {"podAffinity": {"type": "Required", "key": "zone"}},
        {"ports": [{"container": 80, "serviceType": "NodePort", "external": 30000}]},
        {"exposedUrls": [{"container": 80, "authorizedUsers": ["a"], "authorizedGroups": []}]},
        {"relatedUrls": [{"url": "https://example.org", "type": "wandb"}]},
        {"security": {"runAsUid": 0, "supplementalGroups": "1, 2,3"}},
        {"storage": {"pvc": [{"path": "/a", "claimInfo": SIZE}, {"name": "b", "exclude": True}]}},
        {"storage": {"pvc": [{"path": "/a", "existingPvc": True, "claimName": "c"}]}},
        {"storage": {"nfs": [{"path": "/e", "server": "s", "mountPath": "/a"}], "git": [None]}},
        {"imagePullSecrets": [{"name": "a"}, {"name": "b", "exclude": True}]},
    ],
)
def test_takes_what_agrees(fields: dict[str, Any]) -> None:
    assert rule_errors(**fields) == {}


def expression(operator: str, *values: str) -> dict[str, Any]:
    return {
        "nodeAffinityRequired": {
            "nodeSelectorTerms": [
                None,
                {"matchExpressions": [{"key": "a", "operator": operator, "values": list(values)}]},
            ]
        }
    }


@pytest.mark.parametrize(
    ("operator", "values"),
    [("In", ["a"]), ("NotIn", ["a", "b"]), ("Exists", []), ("DoesNotExist", []), ("Gt", ["-3"])],
)
def test_takes_operators_with_their_values(operator: str, values: list[str]) -> None:
    assert rule_errors(**expression(operator, *values)) == {}


@pytest.mark.parametrize(
    ("operator", "values"),
    [("In", []), ("Exists", ["a"]), ("Gt", []), ("Lt", ["1", "2"]), ("Gt", ["one"]), ("Lt", ["²"])],
)
def test_refuses_operators_with_other_values(operator: str, values: list[str]) -> None:
    path = "nodeAffinityRequired.nodeSelectorTerms[1].matchExpressions[0].values"
    assert list(rule_errors(**expression(operator, *values))) == [path]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"tolerations": [{"operator": "Exists", "key": "a"}]}, "tolerations[0].effect"),
        (
            {"tolerations": [{"operator": "Equal", "key": "a", "effect": "Any"}]},
            "tolerations[0].value",
        ),
        (
            {"tolerations": [{"operator": "Exists", "key": "a", "value": "b", "effect": "Any"}]},
            "tolerations[0].value",
        ),
        (
            {"tolerations": [{"operator": "Exists", "key": "a", "seconds": 1, "effect": "Any"}]},
            "tolerations[0].seconds",
        ),
        (
            {"tolerations": [{"operator": "Exists", "key": "a b", "effect": "Any"}]},
            "tolerations[0].key",
        ),
        (
            {
                "nodeAffinityRequired": {
                    "nodeSelectorTerms": [
                        {"matchExpressions": [None, {"key": "-", "operator": "Exists"}]}
                    ]
                }
            },
            "nodeAffinityRequired.nodeSelectorTerms[0].matchExpressions[1].key",
        ),
        ({"podAffinity": {"type": "Required"}}, "podAffinity.key"),
        ({"ports": [{"container": 80}]}, "ports[0].serviceType"),
        (
            {
                "ports": [
                    {"container": 80, "serviceType": "ClusterIP"},
                    {"container": 80, "serviceType": "ClusterIP"},
                ]
            },
            "ports[1].container",
        ),
        (
            {"ports": [{"container": 80, "serviceType": "NodePort", "external": 80}]},
            "ports[0].external",
        ),
        (
            {
                "ports": [
                    {"container": 80, "serviceType": "LoadBalancer", "external": 80},
                    {"container": 81, "serviceType": "LoadBalancer", "external": 80},
                ]
            },
            "ports[1].external",
        ),
        ({"exposedUrls": [{"url": "x.example.org"}]}, "exposedUrls[0].container"),
        ({"exposedUrls": [{"container": 70000}]}, "exposedUrls[0].container"),
        (
            {
                "exposedUrls": [
                    {"container": 1, "authorizedUsers": ["a"], "authorizedGroups": ["b"]}
                ]
            },
            "exposedUrls[0].authorizedGroups",
        ),
        ({"relatedUrls": [{"url": "x"}]}, "relatedUrls[0].type"),
        ({"security": {"runAsUid": -1}}, "security.runAsUid"),
        ({"security": {"runAsGid": 2**31}}, "security.runAsGid"),
        ({"security": {"supplementalGroups": "1;2"}}, "security.supplementalGroups"),
        ({"storage": {"pvc": [{"claimInfo": SIZE}]}}, "storage.pvc[0].path"),
        ({"storage": {"pvc": [{"path": "/a"}]}}, "storage.pvc[0].claimInfo.size"),
        (
            {"storage": {"pvc": [{"path": "/a", "existingPvc": True}]}},
            "storage.pvc[0].claimName",
        ),
        (
            {
                "storage": {
                    "pvc": [
                        {
                            "path": "/a",
                            "existingPvc": True,
                            "claimName": "c",
                            "claimInfo": SIZE,
                        }
                    ]
                }
            },
            "storage.pvc[0].claimInfo",
        ),
        (
            {"storage": {"pvc": [{"path": "/a", "claimInfo": SIZE, "ephemeral": True}]}},
            "storage.pvc[0].ephemeral",
        ),
        (
            {
                "storage": {
                    "hostPath": [{"path": "/h", "mountPath": "/a"}],
                    "emptyDirVolume": [{"path": "/a/"}],
                }
            },
            "storage.emptyDirVolume[0].path",
        ),
        ({"storage": {"emptyDirVolume": [{"path": "a"}]}}, "storage.emptyDirVolume[0].path"),
        ({"imagePullSecrets": [{"userCredential": True}]}, "imagePullSecrets[0].name"),
    ],
)
def test_refuses_what_does_not_agree(fields: dict[str, Any], path: str) -> None:
    assert list(rule_errors(**fields)) == [path]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"storage": {"dataVolume": [{"id": "1"}]}}, "storage.dataVolume[0].id"),
        ({"security": {"capabilities": ["ROOT"]}}, "security.capabilities[0]"),
        ({"nodePools": [None]}, "nodePools[0]"),
        ({"nodePools": "default"}, "nodePools"),
        (
            {"storage": {"secretVolume": [{"defaultMode": "644"}]}},
            "storage.secretVolume[0].defaultMode",
        ),
        ({"tolerations": [{"seconds": 0}]}, "tolerations[0].seconds"),
        ({"imagePullPolicy": "always"}, "imagePullPolicy"),
    ],
)
def test_refuses_wrong_values(fields: dict[str, Any], path: str) -> None:
    assert f"spec.{path}" in problems(body(**fields))
