"""A vendor and a customer around an image set: what is measured happens between them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from image_set import Blob, ImageSet
from metering import Cost, measure

from airferry_fixtures.commands import command
from airferry_fixtures.servers.registry import RegistryServer, start_registry
from airferry_fixtures.vendor import make_vendor
from airferry_foundation.digests import digest
from airferry_registry.manifests import REF_NAME

_UPLOAD = """\
url=$(curl -sS -f -X POST -D - -o /dev/null "$1/v2/$2/blobs/uploads/" \
  | tr -d '\\r' | sed -n 's/^[Ll]ocation: //p')
case $url in *\\?*) url="$url&digest=$3" ;; *) url="$url?digest=$3" ;; esac
exec curl -sS -f -o /dev/null -X PUT -H 'Expect:' -H 'Content-Type: application/octet-stream' \
  -T "$4/${3#sha256:}" "$url"
"""


@dataclass(frozen=True)
class Scene:
    """A folder to work in, the vendor's registry, and the images of one release."""

    folder: Path
    source: RegistryServer
    images: ImageSet

    @property
    def bundle(self) -> Path:
        """The bundle that `build` makes."""
        return self.folder / "out" / "bench.tar.zst"

    @property
    def curled(self) -> Path:
        """The blobs as files: the floor's copy."""
        return self.folder / "layout" / "blobs" / "sha256"

    @property
    def layers(self) -> list[Blob]:
        """The blobs, largest first: nobody waits for one that began too late."""
        return sorted(self.images.blobs, key=lambda blob: blob.size, reverse=True)

    def measure(
        self, *words: str | Path, watch: Sequence[Path] = (), as_it_is: bool = False
    ) -> Cost:
        """Measure a command; its temporary folder is watched too."""
        scratch = self.folder / "tmp"
        scratch.mkdir(exist_ok=True)
        environment = {
            "TMPDIR": str(scratch),
            "DOCKER_CONFIG": str(self.folder),
            "PYTHONDONTWRITEBYTECODE": "",  # an installed package has its bytecode
        }
        return measure(
            words,
            watch=[scratch, *watch],
            environment=environment,
            folder=self.folder,
            log=self.folder / "log",
            cold=None if as_it_is else [self.curled, self.bundle.parent],
        )

    # --- the vendor -------------------------------------------------------------------------------

    def prepare(self, counter: int = 1) -> None:
        """Write a spec; lock, release and sign it."""
        (self.folder / "out").mkdir(parents=True)
        self.curled.mkdir(parents=True)
        address = self.source.address
        images = ", ".join(f'"{address}/{name}"' for name in self.images.images)
        (self.folder / "airferry.yaml").write_text(
            f"product: bench\nversion: 1.{counter}.0\ncounter: {counter}\n"
            "audience: {customers: any, environments: any}\nplatforms: [linux/amd64]\n"
            f'images: [{images}]\nregistries: {{"{address}": {{plain_http: true}}}}\n',
            "utf-8",
        )
        vendor = make_vendor(self.folder, product="bench")
        for step in ("lock", "release"):
            self._run(*command("airferry-bundler", step, "-f", self.folder))
        vendor.sign_release()

    def build(self, *options: str | Path) -> Cost:
        """Measure `build`."""
        self.bundle.unlink(missing_ok=True)
        words = command("airferry-bundler", "build", "-f", self.folder, "-o", self.bundle, *options)
        return self.measure(*words, watch=[self.bundle.parent])

    def curl_down(self) -> Cost:
        """Measure four curls that fetch every blob into a file of its own."""
        for path in self.curled.iterdir():
            path.unlink()
        jobs = self._list(self.layers)
        one = '"$1/v2/$2/blobs/$3" -o "$4/${3#sha256:}"'
        return self._parallel(jobs, f"exec curl -sS -f {one}", self.source.url)

    def sync(self) -> Cost:
        """Measure the way of the curls' files from memory to the disk."""
        return self.measure("sync", *self.curled.iterdir(), as_it_is=True)

    # --- the customer -----------------------------------------------------------------------------

    @contextmanager
    def customer(self) -> Iterator[RegistryServer]:
        """An empty registry, and a state folder that knows it."""
        with start_registry(self.folder / "local") as server:
            (self.folder / "site.yaml").write_text(
                f'customer: acme\nproducts: [bench]\nregistry: {{push: "{server.address}", '
                "plain_http: true}\nenvironments: {staging: {}}\n",
                "utf-8",
            )
            shutil.rmtree(self.folder / "state", ignore_errors=True)
            root = self.folder / "roots" / "1.json"
            known = digest(root.read_bytes())
            self._run(*self._installer("init", "--site", self.folder / "site.yaml",
                                       "--vendor-root", root, "--fingerprint", known))  # fmt: skip
            yield server
        shutil.rmtree(self.folder / "local")

    def install(self, *words: str | Path) -> Cost:
        """Measure a command of the installer."""
        return self.measure(*self._installer(*words))

    def answer(self) -> dict[str, int]:
        """What the last measured command said, where it was asked for JSON."""
        told: dict[str, int] = json.loads((self.folder / "log").read_text("utf-8").splitlines()[-1])
        return told

    def curl_up(self) -> Cost:
        """Measure four curls that upload every blob into an empty registry."""
        with start_registry(self.folder / "local") as server:
            cost = self._parallel(self._list(self.layers), _UPLOAD, server.url)
        shutil.rmtree(self.folder / "local")
        return cost

    def skopeo(self) -> Cost:
        """Measure skopeo, which copies the images one by one out of an OCI layout."""
        layout = self.folder / "layout"
        homes = _homes(self.source, self.images)
        manifests = [b.digest[7:] for b in self.images.blobs if b.digest not in homes]
        members = ["index.json", "oci-layout", *(f"blobs/sha256/{name}" for name in manifests)]
        self._run("tar", "--zstd", "-xf", self.bundle, "-C", layout, *members)
        index = json.loads((layout / "index.json").read_text("utf-8"))
        told = (one["annotations"][REF_NAME] for one in index["manifests"])
        names = [name for name in told if name.startswith(self.source.address)]
        with start_registry(self.folder / "local") as server:
            lines = [
                f"skopeo copy -q --dest-tls-verify=false 'oci:{layout}:{name}' "
                f"'docker://{server.address}/{name.rpartition('/')[2]}'"
                for name in names
            ]
            cost = self.measure("sh", "-e", "-c", "\n".join(lines), watch=[layout])
        shutil.rmtree(self.folder / "local")
        return cost

    def sha256sum(self) -> Cost:
        """Measure sha256sum over the blobs, by as many processes as there are cores."""
        jobs = self._list(self.layers)
        cores = os.cpu_count() or 1
        one = 'exec sha256sum "$4/${3#sha256:}"'
        return self._parallel(jobs, one, "-", workers=cores)

    # --- how --------------------------------------------------------------------------------------

    def _list(self, blobs: Sequence[Blob]) -> Path:
        """A repository and a digest a line; manifests, some KB of them, are not among them."""
        path = self.folder / "jobs"
        homes = _homes(self.source, self.images)
        lines = [f"{homes[blob.digest]} {blob.digest}\n" for blob in blobs if blob.digest in homes]
        path.write_text("".join(lines), "utf-8")
        return path

    def _parallel(self, jobs: Path, script: str, url: str, *, workers: int = 4) -> Cost:
        """Measure a script over jobs: $1 the URL, $2 repository, $3 digest, $4 folder of blobs."""
        one = self.folder / "job.sh"
        one.write_text(script, "utf-8")
        line = f'xargs -P {workers} -L 1 sh -c \'exec sh -e {one} {url} "$1" "$2" {self.curled}\' -'
        return self.measure("sh", "-c", f"{line} < {jobs}", watch=[])

    def _installer(self, *words: str | Path) -> list[str]:
        return command("airferry-installer", "--state", self.folder / "state", *words)

    def _run(self, *words: str | Path) -> None:
        done = subprocess.run(
            [str(word) for word in words], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(map(str, words))}:\n{done.stderr}")


def _homes(source: RegistryServer, images: ImageSet) -> dict[str, str]:
    """A repository for each blob, read off the registry's own storage."""
    top = source.folder / "data/docker/registry/v2/repositories"
    found: dict[str, str] = {}
    for name in images.images:
        repository = name.rpartition(":")[0]
        for path in (top / repository / "_layers" / "sha256").iterdir():
            found.setdefault(f"sha256:{path.name}", repository)
    return found
