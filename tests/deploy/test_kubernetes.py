"""Values for Zero to JupyterHub: keys that the chart knows, and a pod that fits together."""

from pathlib import PurePosixPath
from typing import Any

import yaml
from jsonschema import Draft7Validator

from capas.paths import ROOT

FOLDER = ROOT / "deploy/kubernetes"

ANY = True
FLAG: Any = {"type": "boolean"}
TEXT: Any = {"type": "string"}
NUMBER: Any = {"type": "number"}
WHOLE: Any = {"type": "integer"}
LIST: Any = {"type": "array", "items": {"type": "object"}}
SIZE: Any = {"type": ["number", "string"]}


def only(**properties: Any) -> dict[str, Any]:
    """Return the schema of a mapping that knows these keys and no other."""
    return {"type": "object", "additionalProperties": False, "properties": properties}


def named(schema: Any) -> dict[str, Any]:
    """Return the schema of a mapping from any name to such a value."""
    return {"type": "object", "additionalProperties": schema}


# The keys that values.yaml uses and their types, written after jupyterhub/values.schema.yaml of
# github.com/jupyterhub/zero-to-jupyterhub-k8s at 02dd73df01bd, which knows no other keys either;
# egressAllowRules after that repository's pull request 2508.
CHART = Draft7Validator(
    only(
        hub=only(config=named({"type": "object"})),
        proxy=only(
            https=only(
                enabled=FLAG,
                hosts={"type": "array", "items": TEXT},
                letsencrypt=only(contactEmail=TEXT),
            )
        ),
        singleuser=only(
            image=only(name=TEXT, tag=TEXT),
            cmd=TEXT,
            defaultUrl=TEXT,
            startTimeout=WHOLE,
            cpu=only(guarantee=NUMBER, limit=NUMBER),
            memory=only(guarantee=SIZE, limit=SIZE),
            uid=WHOLE,
            fsGid=WHOLE,
            storage=only(
                type={"enum": ["dynamic", "static", "none"]},
                capacity=TEXT,
                homeMountPath=TEXT,
                dynamic=only(volumeNameTemplate=TEXT),
                extraVolumes=LIST,
                extraVolumeMounts=LIST,
            ),
            extraEnv=named(TEXT),
            extraContainers=LIST,
            networkPolicy=only(
                enabled=FLAG,
                egressAllowRules=only(
                    cloudMetadataServer=FLAG, privateIPs=FLAG, nonPrivateIPs=FLAG
                ),
            ),
        ),
        cull=only(enabled=FLAG, timeout=WHOLE, every=WHOLE),
        scheduling=only(
            userPods=only(
                nodeAffinity=only(matchNodePurpose={"enum": ["ignore", "prefer", "require"]})
            )
        ),
        prePuller=only(
            extraImages=named(only(name=TEXT, tag=TEXT) | {"required": ["name", "tag"]})
        ),
    )
)


def values() -> Any:
    """Return values.yaml."""
    return yaml.safe_load((FOLDER / "values.yaml").read_text(encoding="utf-8"))


def test_the_chart_knows_every_key() -> None:
    assert [error.message for error in CHART.iter_errors(values())] == []


def test_what_the_chart_does_not_know_is_found() -> None:
    wrong = values()
    wrong["singleuser"]["memory"]["limits"] = "1G"
    wrong["cull"]["timeout"] = "1h"
    assert len(list(CHART.iter_errors(wrong))) == 2


def test_the_engine_shares_what_it_must_with_the_student() -> None:
    student = values()["singleuser"]
    (engine,) = student["extraContainers"]
    storage = student["storage"]
    home = storage["dynamic"]["volumeNameTemplate"]
    volumes = {home} | {volume["name"] for volume in storage["extraVolumes"]}
    his = {mount["name"]: mount["mountPath"] for mount in storage["extraVolumeMounts"]}
    his[home] = storage["homeMountPath"]
    its = {mount["name"]: mount["mountPath"] for mount in engine["volumeMounts"]}
    assert his.keys() | its.keys() == volumes
    assert his.items() <= its.items(), "the same folders at the same paths"

    host = student["extraEnv"]["DOCKER_HOST"]
    assert engine["args"] == ["dockerd", f"--host={host}"], "no port that anybody may use"
    assert str(PurePosixPath(host.removeprefix("unix://")).parent) in his.values()
    assert engine["resources"]["limits"].keys() == {"cpu", "memory"}
    assert engine["securityContext"]["runAsUser"] == student["uid"] == 1000
    pulled = values()["prePuller"]["extraImages"]["engine"]
    assert engine["image"] == f"{pulled['name']}:{pulled['tag']}"


def test_nobody_enters_by_himself() -> None:
    config = values()["hub"]["config"]
    assert config["NativeAuthenticator"]["open_signup"] is False
    assert "dummy" not in config["JupyterHub"]["authenticator_class"].lower()
