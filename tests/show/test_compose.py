"""A Compose file as a graph: what Compose understood, all of it, on the paper, legible."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from capas.engine import cli
from capas.errors import CapasError
from capas.language import use
from capas.paths import ROOT
from capas.show.compose import compose_graph, shortened, understood
from capas.show.drawing import WIDTH, texts

SHOP = """\
name: shop
services:
  proxy: {image: nginx, ports: ["80:80", "443:443"], depends_on: [web, api], networks: [front]}
  web:
    build: ./web
    depends_on: {api: {condition: service_healthy}}
    networks: [front, back]
    volumes: ["./web:/app", "/app/node_modules"]
  api:
    build: {context: ./a/very/long/path/to/the/application}
    depends_on:
      db: {condition: service_healthy}
      cache: {condition: service_started}
      migrate: {condition: service_completed_successfully}
    networks: [back]
    volumes: ["uploads:/data/uploads"]
    ports: ["127.0.0.1:8000:8000"]
  migrate: {build: ./api, depends_on: {db: {condition: service_healthy}}, networks: [back]}
  db:
    image: postgres:17
    volumes: ["db:/var/lib/postgresql/data", "./init.sql:/docker-entrypoint-initdb.d/init.sql:ro"]
    networks: [back]
  cache: {image: "redis:8", networks: [back]}
  worker:
    build: ./api
    deploy: {replicas: 3}
    depends_on: [cache]
    networks: [back]
    volumes: ["uploads:/data/uploads"]
  a_service_with_quite_a_long_name_indeed:
    image: registry.example.org/team/group/tool:2026.11.24-alpha
    profiles: [tools, debugging]
    network_mode: none
networks: {front: {}, back: {internal: true}}
volumes: {db: {external: true}, uploads: {}}
"""
ONE = "services:\n  one: {image: hello-world}\n"
CHAIN = "services:\n" + "".join(
    f"  s{n}: {{image: busybox{f', depends_on: [s{n - 1}]' if n else ''}}}\n" for n in range(8)
)
STAR = (
    "services:\n  hub: {image: busybox, depends_on: [a, b, c, d, e, f, g]}\n"
    + "".join(f"  {name}: {{image: busybox, networks: [n{name}, all]}}\n" for name in "abcdefg")
    + "networks: {all: {}, "
    + ", ".join(f"n{name}: {{}}" for name in "abcdefg")
    + "}\n"
)
FILES: dict[str, str | Path] = {
    "shop": SHOP,
    "one": ONE,
    "chain": CHAIN,
    "star": STAR,
    "lecture": ROOT / "notebooks/lecture/docker-compose.lecture.yaml",
    "sample": ROOT / "sample_apps/docker-compose.yaml",
}


@pytest.fixture(autouse=True)
def with_compose(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in cli.environment(always=False).items():
        monkeypatch.setenv(name, value)
    docker = shutil.which("docker")
    if not docker or subprocess.run([docker, "compose", "version"], check=False).returncode:
        pytest.skip("no Docker Compose on this machine")
    use("en")
    yield
    use(None)


def rectangles(svg: str) -> list[tuple[float, float, float, float]]:
    """Return the boxes of services and ports, without the paper."""
    found = []
    for rect in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}rect"):
        if rect.get("class", "").endswith("-area"):
            x, y, w, h = (float(rect.get(name, "0")) for name in ("x", "y", "width", "height"))
            found.append((x, y, x + w, y + h))
    return found


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("language", ["en", "es"])
def test_nothing_overlaps_and_nothing_leaves_the_paper(name: str, language: str) -> None:
    use(language)
    svg = compose_graph(FILES[name]).svg
    height = float(ET.fromstring(svg).get("height", "0"))
    boxes = rectangles(svg)
    assert boxes
    for x, y, right, bottom in boxes:
        assert x >= 24 and y >= 60 and right <= WIDTH - 24 and bottom <= height - 24
    for (ax, ay, ar, ab), (bx, by, br, bb) in combinations(boxes, 2):
        assert ar <= bx or br <= ax or ab <= by or bb <= ay
    for path in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}path"):
        for x in re.findall(r"[MLQ](-?[\d.]+) ", path.get("d", "")):
            assert 20 <= float(x) <= WIDTH - 20


@pytest.mark.parametrize("name", FILES)
def test_every_service_and_condition_is_there(name: str) -> None:
    project = understood(FILES[name])
    picture = compose_graph(FILES[name])
    written = texts(picture.svg)
    for service in project.services:
        assert service.name in picture.alt
        ends = service.name[:6], service.name[-6:]
        assert any(text.startswith(ends[0]) and ends[1] in text for text in written) or (
            f"{service.name} ×{service.replicas}" in written
        )
        for condition in service.needs.values():
            assert condition in written
        for mount in service.mounts:
            assert mount.target in picture.alt


def test_networks_that_are_not_drawn_are_counted() -> None:
    assert "4 more networks" in " ".join(texts(compose_graph(STAR).svg))
    assert "more networks" not in " ".join(texts(compose_graph(SHOP).svg))
    assert "ng" in compose_graph(STAR).alt


def test_each_service_comes_after_what_it_needs() -> None:
    names = [service.name for service in understood(SHOP).services]
    for service in understood(SHOP).services:
        assert all(names.index(other) < names.index(service.name) for other in service.needs)


def test_what_compose_understood() -> None:
    by_name = {service.name: service for service in understood(SHOP).services}
    assert by_name["api"].needs == {"cache": "started", "db": "healthy", "migrate": "completed"}
    assert by_name["proxy"].ports == ("0.0.0.0:80→80", "0.0.0.0:443→443")
    assert [mount.kind for mount in by_name["web"].mounts] == ["bind", "anonymous"]
    assert by_name["db"].mounts[1].read_only
    assert by_name["worker"].replicas == 3
    odd = by_name["a_service_with_quite_a_long_name_indeed"]
    assert odd.profiles == ("tools", "debugging") and odd.networks == () and odd.mode == "none"
    assert understood(SHOP).external == {"db"}


def test_files_are_merged(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(ONE)
    (tmp_path / "two.yaml").write_text(
        "services:\n  one: {image: busybox}\n  two: {image: nginx}\n"
    )
    project = understood(tmp_path / "one.yaml", tmp_path / "two.yaml")
    assert [service.origin for service in project.services] == ["image busybox", "image nginx"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("services: [\n", "yaml"),
        ("services:\n  a: {image: b, depends_on: [z]}\n", "undefined service"),
        ("services:\n  a: {image: b, foo: 1}\n", "foo"),
        ("services:\n  a: {image: b, networks: [z]}\n", "undefined network"),
    ],
)
def test_what_is_wrong_is_said_in_composes_words(text: str, sentence: str) -> None:
    with pytest.raises(CapasError, match=sentence) as caught:
        compose_graph(text)
    assert len(str(caught.value).splitlines()) == 1


def test_no_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CapasError, match="no such file"):
        compose_graph(tmp_path / "none.yaml")


def test_long_words_lose_their_middle() -> None:
    assert shortened("short", 200, 15) == "short"
    short = shortened("a" * 30 + "b" * 30, 100, 15)
    assert short.startswith("a") and short.endswith("b") and "…" in short
