"""What the benches of the running agent share: binaries, a node and a broker for the time of a bench, backlogs."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent
STACK = TREE / "tests/stack"
CACHE = Path(os.environ.get("RINGTAP_CACHE", Path.home() / ".cache" / "ringtap"))

sys.path.insert(0, str(STACK))


# Ended from outside, everything that was started is ended too.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, text=True, **options)


def output(*command):
    return run(*command, stdout=subprocess.PIPE).stdout.strip()


def built():
    """Returns the release binaries of this tree: ringtap, ringtap-faults."""
    run("cargo", "build", "--locked", "--release", "--package", "ringtap", "--package", "ringtap-faults", cwd=TREE, stdout=sys.stderr)
    folder = Path(os.environ.get("CARGO_TARGET_DIR", TREE / "target")) / "release"
    return folder / "ringtap", folder / "ringtap-faults"


def add_arguments(parser):
    parser.add_argument("--ringtap", metavar="BINARY", help="the release build of this tree by default")
    parser.add_argument("--faults", metavar="BINARY", help="likewise, ringtap-faults")
    parser.add_argument("--address", help="the node's address; the first free one by default")
    parser.add_argument("--kafka-port", type=int, help="the broker's port; the first free one by default")
    parser.add_argument("--http", default="127.0.0.1:9387", help="where the agent's HTTP server listens")


def parse(parser):
    options = parser.parse_args()
    if not (options.ringtap and options.faults):
        options.ringtap, options.faults = built()
    return options


@contextlib.contextmanager
def work_folder():
    folder = Path(tempfile.mkdtemp(prefix="ringtap-bench-", dir=os.environ.get("RINGTAP_WORK")))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def broker(options, *settings):
    """Runs a broker; gives its address."""
    name = f"bench-{os.getpid()}"
    port = [f"port={options.kafka_port}"] if options.kafka_port else []
    try:
        yield output(STACK / "kafka", "start", name, "heap=1G", *port, *settings)
    finally:
        run(STACK / "kafka", "remove", name)


@contextlib.contextmanager
def node(options, version, folder, *settings):
    """Runs a node with its state in `folder`; gives its address."""
    name = f"bench-{os.getpid()}"
    address = [f"address={options.address}"] if options.address else []
    try:
        yield output(STACK / "cassandra", "start", name, version, f"dir={folder}", *address, *settings)
    finally:
        run(STACK / "cassandra", "remove", name, f"dir={folder}")



def backlog(options, rows, segment_mebibytes):
    """Returns a folder with the segments of a node that was given so many plain rows; made the first time."""
    target = CACHE / f"bench/backlog-{rows}-{segment_mebibytes}"
    if target.is_dir():
        return target
    with work_folder() as work:
        state = work / "node"
        with node(options, "4.1", state, "heap=1500M", f"commitlog_segment_size={segment_mebibytes}MiB", "cdc_total_space=16384MiB") as address:
            print(f"writing {rows:,} rows", file=sys.stderr)
            print(output(options.faults, "bulk", "--address", address, "--rows", rows), file=sys.stderr)
            run(STACK / "cassandra", "stop", f"bench-{os.getpid()}", f"dir={state}")
            fresh = target.with_suffix(".partial")
            shutil.rmtree(fresh, ignore_errors=True)
            (fresh / "cdc_raw").mkdir(parents=True)
            for index in sorted((state / "cdc_raw").glob("*_cdc.idx")):
                if "COMPLETED" in index.read_text():
                    shutil.copy(index, fresh / "cdc_raw")
                    shutil.copy(index.with_name(index.name.replace("_cdc.idx", ".log")), fresh / "cdc_raw")
            shutil.copytree(state / "commitlog", fresh / "commitlog")
            # The agent reads the log of the node that it asks, so the bench starts this node again, without its rows.
            shutil.copytree(state / "data", fresh / "data", ignore=shutil.ignore_patterns("backlog"))
            fresh.rename(target)
    return target


def node_of(options, backlog_folder, folder):
    """Runs the node that wrote a backlog; gives its address."""
    shutil.copytree(backlog_folder / "data", folder / "data")
    return node(options, "4.1", folder, "heap=700M")


def lay_out(segments, folder, node_yaml):
    """Links segments into a cdc_raw of their own, with a cassandra.yaml that names it; returns (that yaml, logical bytes)."""
    cdc_raw = folder / "cdc_raw"
    cdc_raw.mkdir(parents=True)
    (folder / "commitlog").mkdir()
    total = 0
    for index in sorted(segments.glob("*_cdc.idx")):
        total += int(index.read_text().split()[0])
        for file in (index, index.with_name(index.name.replace("_cdc.idx", ".log"))):
            try:
                os.link(file, cdc_raw / file.name)
            except OSError:  # another file system
                shutil.copy(file, cdc_raw)
    text = node_yaml.read_text()
    for name in ("cdc_raw", "commitlog"):
        text = re.sub(rf"(?m)^{name}_directory:.*$", f"{name}_directory: {folder / name}", text)
    yaml = folder / "cassandra.yaml"
    yaml.write_text(text)
    return yaml, total


def segments_left(folder):
    return len(list((folder / "cdc_raw").glob("*.log")))


def count(options, brokers, prefix):
    """Returns the records that are committed in the topics of a prefix."""
    return json.loads(output(options.faults, "count", "--brokers", brokers, "--topic-prefix", prefix))


def forget_positions(options, brokers):
    """Deletes what agents noted in Kafka, so that the next one begins anew."""
    delete_topics(options, brokers, "__ringtap")


def delete_topics(options, brokers, prefix):
    run(options.faults, "delete-topics", "--brokers", brokers, "--topic-prefix", prefix, stdout=subprocess.DEVNULL)
