"""Where cgroups may be made: found in a tree like that of the kernel, in both versions, whole or shown in part."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from axon_agent import cgroup_places as places
from axon_agent import cgroups

OF_V2 = ("cgroup.procs", "memory.max", "memory.swap.max", "memory.oom.group", "memory.events", "pids.max")
OF_V1 = ("cgroup.procs", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.oom_control", "pids.max")


class Machine:
    """A directory that looks like mounted cgroups, and the two files of /proc that say where this process is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.proc = folder / "proc"
        self.proc.mkdir()
        self.paths = ""
        self.mounts = "22 1 0:5 / /proc rw - proc proc rw\n"

    def v2(self, path: str, *, root: str = "/", levels: dict[str, tuple[str, str]]) -> Path:
        """Mounts v2 with these levels: what each has as controllers, and what it hands on."""
        top = self.folder / "unified"
        for level, (controllers, handed_on) in levels.items():
            directory = top / level.strip("/")
            directory.mkdir(parents=True, exist_ok=True)
            (directory / "cgroup.procs").touch()
            (directory / "cgroup.controllers").write_text(controllers)
            (directory / "cgroup.subtree_control").write_text(handed_on)
        self._mount("0::" + path, f"{root} {top} rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate")
        return top

    def v1(self, controller: str, path: str, *, root: str = "/", below: str = "") -> Path:
        top = self.folder / f"{controller} v1"
        (top / below).mkdir(parents=True)
        shown = str(top).replace(" ", "\\040")
        self._mount(f"4:{controller}:{path}", f"{root} {shown} rw - cgroup cgroup rw,{controller}")
        return top / below

    def _mount(self, path: str, mount: str) -> None:
        self.paths += path + "\n"
        self.mounts += f"31 23 0:28 {mount}\n"
        (self.proc / "cgroup").write_text(self.paths)
        (self.proc / "mountinfo").write_text(self.mounts)

    def find(self, controller: str) -> str:
        return places.find(controller, str(self.proc))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def kernel(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new directory in a cgroup has its files, and can be removed with them."""
    mkdir, rmdir = os.mkdir, os.rmdir

    def make(path: str, mode: int = 0o777) -> None:
        mkdir(path, mode)
        is_v2 = str(path).startswith(str(machine.folder / "unified"))
        names = (OF_V2 if is_v2 else OF_V1) if "writer" in str(path) else ["cgroup.procs"]
        for name in [*names, "cgroup.subtree_control"] if is_v2 else names:
            Path(path, name).touch()

    def remove(path: str) -> None:
        for file in Path(path).iterdir():
            if file.is_file():
                file.unlink()
        rmdir(path)

    monkeypatch.setattr(os, "mkdir", make)
    monkeypatch.setattr(os, "rmdir", remove)


def test_v2_gives_the_cgroup_around_the_one_we_are_in_where_that_was_given_to_us(machine: Machine) -> None:
    top = machine.v2("/main", levels={"/": ("cpu memory pids", "memory pids"), "/main": ("memory pids", "")})
    # A cgroup with processes refuses to hand on anything: here because the file is a directory.
    (top / "main/cgroup.subtree_control").unlink()
    (top / "main/cgroup.subtree_control").mkdir()
    assert machine.find("memory") == machine.find("pids") == str(top)


def test_v2_is_asked_to_hand_on_a_controller_that_it_has(machine: Machine) -> None:
    top = machine.v2("/", levels={"/": ("memory pids", "")})
    assert machine.find("pids") == str(top)
    assert (top / "cgroup.subtree_control").read_text() == "+pids"


def test_v2_does_not_leave_the_bounds_that_somebody_has_put_around_us(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)  # root alone may write where it was not asked to
    top = machine.v2(
        "/system.slice/app.service",
        levels={
            "/": ("memory", "memory"),
            "/system.slice": ("memory", "memory"),
            "/system.slice/app.service": ("memory", ""),
        },
    )
    own = top / "system.slice/app.service"
    (own / "cgroup.subtree_control").unlink()
    (own / "cgroup.subtree_control").mkdir()
    with pytest.raises(places.CgroupError, match="does not hand on the memory controller"):
        machine.find("memory")


def test_v2_without_controllers_leaves_it_to_v1(machine: Machine) -> None:
    machine.v2("/", levels={"/": ("hugetlb", "")})
    own = machine.v1("memory", "/jobs/7", below="jobs/7")
    assert machine.find("memory") == str(own)
    with pytest.raises(places.CgroupError, match="pids controller"):
        machine.find("pids")


@pytest.mark.parametrize(
    ("path", "root", "below"),
    [("/docker/a1", "/docker/a1", ""), ("/docker/a1/jobs", "/docker/a1", "jobs"), ("/", "/", "")],
)
def test_a_mount_may_show_a_part_of_the_hierarchy(machine: Machine, path: str, root: str, below: str) -> None:
    own = machine.v1("memory", path, root=root, below=below)
    assert os.path.samefile(machine.find("memory"), own)


@pytest.mark.parametrize(("path", "root"), [("/elsewhere", "/docker/a1"), ("/../jobs", "/"), ("/gone", "/")])
def test_a_cgroup_that_is_not_in_sight_is_none(machine: Machine, path: str, root: str) -> None:
    machine.v1("memory", path, root=root)
    with pytest.raises(places.CgroupError, match="there is no cgroup with the memory controller"):
        machine.find("memory")


@pytest.mark.usefixtures("kernel")
def test_in_v2_one_directory_holds_both_limits_without_swap_and_is_ended_as_a_whole(machine: Machine) -> None:
    top = machine.v2("/", levels={"/": ("memory pids", "memory pids")})
    ours = cgroups.Cgroups("4f-a/../b", 77, str(machine.proc))
    made = ours.make("writer/0#3", {"memoryMb": 64, "processes": 32, "openFiles": 9})
    assert made.why == {}
    assert set(made.directories.values()) == {f"{top}/axon-4f-ab-77/writer-0-3.1"}
    directory = Path(made.directories["memoryMb"])
    assert {name: (directory / name).read_text() for name in OF_V2 if (directory / name).stat().st_size} == {
        "memory.max": str(64 * 2**20),
        "memory.swap.max": "0",
        "memory.oom.group": "1",
        "pids.max": "32",
    }
    assert made.kills_all is True
    (directory / "memory.events").write_text("low 0\nhigh 0\nmax 9\noom 2\noom_kill 1\noom_group_kill 1\n")
    assert (made.oom_kills(), made.has_filled()) == (1, True)
    (directory / "memory.events").write_text("low 0\noom 0\noom_kill 1\n")
    assert made.has_filled() is False
    assert made.remove() is True
    ours.close()
    assert [name for name in os.listdir(top) if name.startswith("axon-")] == []


@pytest.mark.usefixtures("kernel")
def test_in_v1_each_limit_has_a_directory_and_the_guard_finds_them(machine: Machine) -> None:
    memory, pids = machine.v1("memory", "/"), machine.v1("pids", "/")
    ours = cgroups.Cgroups("4f", 77, str(machine.proc))
    made = ours.make("writer/0#3", {"memoryMb": 64, "processes": 32})
    assert {os.path.dirname(os.path.dirname(path)) for path in made.directories.values()} == {str(memory), str(pids)}
    directory = Path(made.directories["memoryMb"])
    assert (directory / "memory.memsw.limit_in_bytes").read_text() == str(64 * 2**20)
    assert made.kills_all is False
    (directory / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")
    assert made.oom_kills() == 3
    cgroups.remove_of(7, str(machine.proc))
    assert directory.exists()
    cgroups.remove_of(77, str(machine.proc))
    assert [*memory.glob("axon-*"), *pids.glob("axon-*")] == []


@pytest.mark.usefixtures("kernel")
def test_a_limit_that_the_kernel_refuses_says_why(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.v1("memory", "/")
    ours = cgroups.Cgroups("4f", 77, str(machine.proc))
    monkeypatch.setattr(cgroups, "write", lambda path, _: os.stat(f"{path}/none"))
    made = ours.make("writer/0#3", {"memoryMb": 64})
    assert made.directories == {}
    assert "memory.limit_in_bytes" in made.why["memoryMb"]
    assert made.remove() is True
