"""What is measured. A row gives, for each round, one value of acre's and one of the other side's."""

import dataclasses
import pathlib
import shutil
import time
from collections.abc import Callable

import samples
from sides import Tools, bytes_sent, elapsed, until_start
from stats import Bound, Kind

PLATFORMS = ("linux/amd64", "linux/386", "linux/arm64", "linux/arm/v7")

CHAINED = "version: v1.1.0\nsteps:\n" + 5 * "  - cmd: {base} true\n"
PARALLEL = "version: v1.1.0\nsteps:\n" + 5 * '  - cmd: {base} true\n    when: ["-"]\n'

# A measurement: the round's number (0 is the warm-up) -> its value.
Side = Callable[[int], float]
# Both measurements of a round: acre's, the other's.
Round = Callable[[int], tuple[float, float]]


@dataclasses.dataclass(frozen=True)
class Row:
    """A row's name, what it is compared with, its bound, and what prepares it once and gives its rounds."""

    name: str
    other: str
    bound: Bound
    start: Callable[[Tools], Round]
    # Set where the row is only for engines that can build for many platforms at once, or only for those that cannot.
    many_platforms: bool | None = None
    # Set where the row compares a farm of two agents with one of them.
    two_agents: bool = False

    def fits(self, tools: Tools) -> bool:
        """Whether the row can be measured on this farm and engine."""
        if self.two_agents != tools.has_two_agents():
            return False
        return self.many_platforms is None or self.many_platforms == tools.builds_many_platforms()


def interleaved(acre: Side, other: Side) -> Round:
    """One after the other, each first in every second round, so that what drifts on the machine meets both alike."""

    def measure(number: int) -> tuple[float, float]:
        if number % 2 == 0:
            first = acre(number)
            return first, other(number)
        first = other(number)
        return acre(number), first

    return measure


def one_cmd(tools: Tools) -> Round:
    return interleaved(
        lambda _: elapsed(lambda: tools.run_acre("run", "--cmd", f"{tools.base} true", "/dev/null")),
        lambda _: elapsed(lambda: tools.run_docker("run", "--rm", tools.base, "true")),
    )


def task_source(tools: Tools, name: str, text: str) -> str:
    """A source tree of a task file alone."""
    directory = tools.work / name
    directory.mkdir()
    (directory / "acb.yaml").write_text(text.format(base=tools.base))
    return str(directory)


def five_chained(tools: Tools) -> Round:
    source = task_source(tools, "chained", CHAINED)

    def docker() -> None:
        for _ in range(5):
            tools.run_docker("run", "--rm", tools.base, "true")

    return interleaved(
        lambda _: elapsed(lambda: tools.run_acre("run", "-f", "acb.yaml", source)),
        lambda _: elapsed(docker),
    )


def five_parallel(tools: Tools) -> Round:
    source = task_source(tools, "parallel", PARALLEL)
    command = [tools.docker, "run", "--rm", tools.base, "true"]
    return interleaved(
        lambda _: elapsed(lambda: tools.run_acre("run", "-f", "acb.yaml", source)),
        lambda _: elapsed(lambda: tools.run_together(command, 5)),
    )


def five_parallel_alike(tools: Tools) -> Round:
    """The other side gets what acre's steps have: a network with names, a shared workspace, a shared home."""
    source = task_source(tools, "parallel-alike", PARALLEL)
    shared = ["--network", "bench-alike", "-v", "bench-workspace:/workspace", "-v", "bench-home:/acb/home"]
    command = [tools.docker, "run", "--rm", *shared, tools.base, "true"]

    def docker(_: int) -> float:
        tools.run_docker("network", "create", "bench-alike")
        try:
            return elapsed(lambda: tools.run_together(command, 5))
        finally:
            tools.run_docker("network", "rm", "bench-alike")
            tools.run_docker("volume", "rm", "bench-workspace", "bench-home")

    return interleaved(lambda _: elapsed(lambda: tools.run_acre("run", "-f", "acb.yaml", source)), docker)


# Builds and pushes a tree under a name of an image.
Build = Callable[[Tools, str, pathlib.Path], object]


def acre_build(tools: Tools, image: str, tree: pathlib.Path) -> str:
    return tools.run_acre("build", "-t", image, "--registry", tools.registry, str(tree))


def acre_build_all(tools: Tools, image: str, tree: pathlib.Path) -> str:
    arguments = ("--platform", ",".join(PLATFORMS), "--registry", tools.registry, str(tree))
    return tools.run_acre("build", "-t", image, *arguments)


def buildx_push(tools: Tools, image: str, tree: pathlib.Path) -> str:
    return tools.run_buildx("build", "--builder", "default", "-t", image, "--push", str(tree))


def buildx_push_all(tools: Tools, image: str, tree: pathlib.Path) -> str:
    """All platforms at once, pushed as one index: what an engine with the containerd store can."""
    arguments = ("--builder", "default", "--platform", ",".join(PLATFORMS), "--provenance=false", "--push", str(tree))
    return tools.run_buildx("build", "-t", image, *arguments)


def buildx_push_each(tools: Tools, image: str, tree: pathlib.Path) -> str:
    """One platform after the other, and an index of them: all that buildx can have other engines do."""
    children = [f"{image}-{platform.replace('/', '-')}" for platform in PLATFORMS]
    for platform, child in zip(PLATFORMS, children):
        tools.run_buildx("build", "--builder", "default", "--platform", platform, "-t", child, "--push", str(tree))
    return tools.run_buildx("imagetools", "create", "-t", image, *children)


def acre_build_on_both(tools: Tools, image: str, tree: pathlib.Path) -> str:
    tools.run_acre("agents", "--undrain", "two")
    return acre_build_all(tools, image, tree)


def acre_build_on_one(tools: Tools, image: str, tree: pathlib.Path) -> str:
    tools.run_acre("agents", "--drain", "two")
    return acre_build_all(tools, image, tree)


def build_and_push(
    name: str, cold: bool = False, change: bool = False, acre: Build = acre_build, other: Build = buildx_push
) -> Callable[[Tools], Round]:
    """Build and push of a tree per side, prepared before each measurement as the row wants it."""

    def start(tools: Tools) -> Round:
        trees = {side: tools.work / f"{name}-{side}" for side in ("acre", "other")}
        images = {side: f"{tools.registry}/bench/{side}:{name}" for side in trees}
        for side, tree in trees.items():
            samples.build_tree(tree, f"{name} {side}", tools.base)

        def measured(side: str, build: Build) -> Side:
            def measure(_: int) -> float:
                if cold:
                    tools.forget_builds(*images.values())
                if change:
                    samples.change_one(trees[side] / "src")
                return elapsed(lambda: build(tools, images[side], trees[side]))

            return measure

        return interleaved(measured("acre", acre), measured("other", other))

    return start


def four_platforms() -> list[Row]:
    """Rows of a build for four platforms; what it is measured against depends on what the engine can."""
    kinds = {"cold": {"cold": True}, "unchanged": {}, "one-file": {"change": True}}
    limits = {"cold": 1.0, "unchanged": 0.6, "one-file": 1.0}
    rows = []
    for kind, how in kinds.items():
        at_once = build_and_push(f"four-{kind}", acre=acre_build_all, other=buildx_push_all, **how)
        in_turn = build_and_push(f"four-{kind}-in-turn", acre=acre_build_all, other=buildx_push_each, **how)
        rows += [
            Row(f"four-{kind}", "buildx, all at once", Bound(Kind.RATIO, limits[kind]), at_once, many_platforms=True),
            Row(f"four-{kind}-in-turn", "buildx, in turn", Bound(Kind.RATIO, 0.6), in_turn, many_platforms=False),
        ]
    return rows


def two_agents() -> list[Row]:
    """Rows of the same build by two agents and by one, each of which takes one group at a time, as a machine of one core
    would."""
    kinds = {"cold": {"cold": True}, "one-file": {"change": True}}
    rows = []
    for kind, how in kinds.items():
        start = build_and_push(f"two-{kind}", acre=acre_build_on_both, other=acre_build_on_one, **how)
        rows.append(Row(f"two-{kind}", "one of the agents", Bound(Kind.RATIO, 1.0), start, two_agents=True))
    return rows


def submit_to_start(tools: Tools) -> Round:
    return interleaved(
        lambda _: until_start(tools, lambda: tools.run_acre("run", "--cmd", f"{tools.base} true", "/dev/null")),
        lambda _: until_start(tools, lambda: tools.run_docker("run", "--rm", tools.base, "true")),
    )


def upload(name: str, build: Callable[[Tools, str, str], str]) -> Callable[[Tools], Round]:
    """A large tree that is all of the image: sent whole in the warm-up, then with one file changed in each round."""

    def start(tools: Tools) -> Round:
        trees = {side: tools.work / f"{name}-{side}" for side in ("acre", "other")}
        for side, tree in trees.items():
            samples.upload_tree(tree, f"{time.time_ns()} {side}")

        def acre(_: int) -> float:
            samples.change_one(trees["acre"])
            arguments = ("build", "--no-push", "-t", f"bench-acre:{name}", str(trees["acre"]))
            return elapsed(lambda: tools.run_acre(*arguments))

        def other(_: int) -> float:
            samples.change_one(trees["other"])
            return elapsed(lambda: build(tools, f"bench-other:{name}", str(trees["other"])))

        return interleaved(acre, other)

    return start


def classic(tools: Tools, image: str, tree: str) -> str:
    return tools.run_docker_classic("build", "-q", "-t", image, tree)


def buildx(tools: Tools, image: str, tree: str) -> str:
    return tools.run_buildx("build", "--builder", "default", "-t", image, tree)


def upload_bytes(tools: Tools) -> Round:
    """Bytes sent with one file changed, against bytes sent for the whole tree, a new one in each round."""
    tree = tools.work / "upload-bytes"

    def submit() -> float:
        return bytes_sent(tools.run_acre("run", "--cmd", f"{tools.base} true", str(tree)))

    def measure(_: int) -> tuple[float, float]:
        shutil.rmtree(tree, ignore_errors=True)
        samples.upload_tree(tree, str(time.time_ns()))
        whole = submit()
        samples.change_one(tree)
        return submit(), whole

    return measure


ROWS = [
    Row("cmd", "docker run --rm", Bound(Kind.RATIO, 1.15), one_cmd),
    Row("chained", "5 docker run in turn", Bound(Kind.RATIO), five_chained),
    Row("parallel", "5 docker run at once", Bound(Kind.RATIO, 1.0), five_parallel),
    # No bound: it says how much of `parallel` is the engine's price for what acre's steps have and those containers lack.
    Row("parallel-alike", "the same on a network", Bound(Kind.RATIO), five_parallel_alike),
    Row("build-cold", "buildx --push", Bound(Kind.RATIO, 1.0), build_and_push("cold", cold=True)),
    Row("build-unchanged", "buildx --push", Bound(Kind.RATIO, 0.75), build_and_push("unchanged")),
    Row("build-one-file", "buildx --push", Bound(Kind.RATIO, 1.0), build_and_push("one-file", change=True)),
    *four_platforms(),
    *two_agents(),
    Row("start", "docker run --rm", Bound(Kind.EXCESS, 0.060), submit_to_start),
    Row("upload-classic", "docker build", Bound(Kind.RATIO), upload("classic", classic)),
    Row("upload-buildx", "buildx", Bound(Kind.RATIO), upload("buildx", buildx)),
    Row("upload-bytes", "the whole tree", Bound(Kind.SHARE, 0.01), upload_bytes),
]
