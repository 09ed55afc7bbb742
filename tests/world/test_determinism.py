"""The same lab and seed: the same capture, to the octet, in every build and on every Python.

`golden.txt` holds the digest. A change of behaviour accepts a new one on purpose: `make accept`.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LAB = HERE / "lab" / "lab.toml"
GOLDEN = HERE / "golden.txt"
RUN = "import sys; from trunkline.cli import main; sys.argv[0] = 'trunkline'; sys.exit(main())"


def capture(folder: Path, *options: str, seed: str = "7", hash_seed: str = "random") -> bytes:
    path = folder / f"{len(list(folder.iterdir()))}.pcapng"
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    environment.pop("TRUNKLINE_STRICT", None)
    done = subprocess.run(
        [sys.executable, "-c", RUN, "run", str(LAB), "--seed", seed, "--pcap", str(path), *options],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "IPv4 done" in done.stdout
    assert "IPv6 done" in done.stdout
    return path.read_bytes()


def test_the_same_seed_is_the_same_capture_everywhere(tmp_path: Path) -> None:
    plain = capture(tmp_path, "--no-strict", hash_seed="1")
    assert plain == capture(tmp_path, "--no-strict", hash_seed="2"), "another hash seed"
    assert plain == capture(tmp_path, "--strict", hash_seed="3"), "strict octets"
    digest = hashlib.sha256(plain).hexdigest()
    if os.environ.get("TRUNKLINE_ACCEPT") == "1":
        GOLDEN.write_text(digest + "\n", encoding="ascii")
    assert digest == GOLDEN.read_text(encoding="ascii").strip(), (
        "another build, Python or behaviour"
    )


@pytest.mark.once
def test_another_seed_is_another_capture(tmp_path: Path) -> None:
    assert capture(tmp_path, seed="7") != capture(tmp_path, seed="8")
