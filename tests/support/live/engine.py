# SPDX-License-Identifier: Apache-2.0
"""A private Docker Engine and its containers. Images are made from files of this machine
(busybox-static, other Debian programs with their libraries); no registry is asked."""

import io
import json
import os
import shutil
import subprocess
import tarfile

from . import cleanup
from .proc import Process, run
from .tap import Skip
from .wait import wait_until

SOCKET = "/run/docker.sock"  # /var/run is /run: the place where the daemon looks by default
IMAGE = "eastwatch-test/busybox"


class Engine:
    """dockerd with its state below one folder. Needs the sandbox's own /run."""

    def __init__(self, folder=None, *options):
        self.docker = next((p for p in ("/usr/bin/docker", shutil.which("docker")) if p and os.path.exists(p)), None)
        if not shutil.which("dockerd") or self.docker is None:
            raise Skip("docker: package docker.io is not installed")
        self.folder = folder or os.path.join(os.environ["EW_WORK"], "engine")
        self.options = options
        self.process = None
        os.makedirs(self.folder, exist_ok=True)
        self.start()

    def start(self):
        log = open(os.path.join(self.folder, "dockerd.log"), "ab")
        self.process = Process(
            ["dockerd", "--storage-driver=vfs", "--data-root", f"{self.folder}/data",
             "--exec-root", "/run/docker", "--pidfile", "/run/docker.pid",
             "-H", f"unix://{SOCKET}", "--cgroup-parent", f"/ew-{os.environ['EW_SANDBOX']}",
             "--exec-opt", "native.cgroupdriver=cgroupfs", *self.options],
            stdout=log, stderr=log, env={**os.environ, "DOCKER_RAMDISK": "1"})
        log.close()
        wait_until("the container engine", self._answers, limit=90, every=0.1)

    def _answers(self):
        if not self.process.running():
            with open(os.path.join(self.folder, "dockerd.log"), encoding="utf-8", errors="replace") as file:
                raise RuntimeError("dockerd ended: " + file.read()[-2000:])
        return self.run("version", check=False).returncode == 0

    def stop(self):
        return self.process.stop(limit=30)

    def run(self, *words, **options):
        return run(self.docker, "-H", f"unix://{SOCKET}", *words, **options)

    def image(self, name=IMAGE, programs=(), paths=(), labels=None):
        """Make an image with busybox and these programs of this machine."""
        found = self.run("image", "inspect", name, check=False)
        if found.returncode == 0:
            return name
        changes = [word for key, value in (labels or {}).items()
                   for word in ("--change", f"LABEL {key}={json.dumps(value)}")]
        self.run("import", *changes, "-", name, input=image_tar(programs, paths), text=False)
        return name

    def network(self, name, subnet=None, *options):
        self.run("network", "create", *(["--subnet", subnet] if subnet else []), *options, name)
        cleanup.at_exit(self._quietly, "network", "rm", name)
        return name

    def container(self, name, *command, network=None, image=IMAGE, labels=None, options=()):
        """docker run -d; command default: sleep. Returns a Container."""
        if image == IMAGE:
            self.image()
        words = ["run", "-d", "--name", name]
        if network:
            words += ["--network", network]
        for key, value in (labels or {}).items():
            words += ["--label", f"{key}={value}"]
        words += [*options, image, *(command or ("sleep", "86400"))]
        container = Container(self, name, self.run(*words).stdout.strip())
        container.undo = cleanup.at_exit(self._quietly, "rm", "-f", name)
        return container

    def compose(self, project, service, number, *command, **options):
        """A container as Compose would label and name it."""
        labels = {"com.docker.compose.project": project, "com.docker.compose.service": service,
                  "com.docker.compose.container-number": str(number), **options.pop("labels", {})}
        return self.container(f"{project}-{service}-{number}", *command, labels=labels, **options)

    def _quietly(self, *words):
        if self.process.running():
            self.run(*words, check=False)


class Container:
    def __init__(self, engine, name, id_):
        self.engine, self.name, self.id = engine, name, id_
        self.undo = None

    def run(self, *command, **options):
        """docker exec to the end."""
        return self.engine.run("exec", *(["-i"] if "input" in options else []), self.name, *command, **options)

    def start(self, *command):
        """docker exec in the background, by the engine."""
        self.engine.run("exec", "-d", self.name, *command)

    def address(self, network=None):
        nets = json.loads(self.engine.run("inspect", self.name).stdout)[0]["NetworkSettings"]["Networks"]
        return (nets[network] if network else next(iter(nets.values())))["IPAddress"]

    def pid(self):
        return int(self.engine.run("inspect", "-f", "{{.State.Pid}}", self.name).stdout)

    def join(self, network):
        self.engine.run("network", "connect", network, self.name)

    def restart(self):
        self.engine.run("restart", "-t", "0", self.name)

    def stop(self):
        self.engine.run("stop", "-t", "0", self.name)

    def remove(self):
        self.engine.run("rm", "-f", self.name)
        cleanup.cancel(self.undo)


def libraries(program):
    """The shared objects a program needs, by ldd."""
    said = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    return [word for line in said.splitlines() for word in line.split() if word.startswith("/")]


def image_tar(programs=(), paths=()):
    """A root file system: busybox with its applets, then programs with their libraries, then
    whole paths. Everything keeps its path; /lib, /bin and /sbin are links as on Debian."""
    busybox = next((p for p in ("/bin/busybox", "/usr/bin/busybox") if os.path.exists(p)), None)
    if busybox is None:
        raise Skip("busybox: package busybox-static is not installed")
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    target = io.BytesIO()
    have = set()
    with tarfile.open(fileobj=target, mode="w") as tar:
        def folder(name, mode=0o755):
            if name in have or not name:
                return
            folder(os.path.dirname(name))
            info = tarfile.TarInfo(name)
            info.type, info.mode = tarfile.DIRTYPE, mode
            tar.addfile(info)
            have.add(name)

        def link(name, to):
            if name in have:
                return
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, to
            tar.addfile(info)
            have.add(name)

        def text(name, content):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o644
            tar.addfile(info, io.BytesIO(content.encode()))
            have.add(name)

        def file(path):
            name = inside(path)
            if name in have:
                return
            folder(os.path.dirname(name))
            have.add(name)
            info = tar.gettarinfo(os.path.realpath(path), name)
            info.uid = info.gid = 0
            info.uname = info.gname = ""
            with open(os.path.realpath(path), "rb") as content:
                tar.addfile(info, content)

        for name in ("usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "etc", "proc", "sys", "dev", "root", "var/www"):
            folder(name)
        folder("tmp", 0o1777)
        for name in ("bin", "sbin", "lib", "lib64"):
            link(name, f"usr/{name}")
        text("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
        text("etc/group", "root:x:0:\nnogroup:x:65534:\n")
        text("var/www/index.html", "hello\n")
        info = tar.gettarinfo(os.path.realpath(busybox), "usr/bin/busybox")
        info.uid = info.gid = 0
        with open(os.path.realpath(busybox), "rb") as content:
            tar.addfile(info, content)
        have.add("usr/bin/busybox")
        for program in programs:
            path = shutil.which(program)
            if path is None:
                raise Skip(f"{program}: not installed")
            file(path)
            for library in libraries(path):
                file(library)
        for path in paths:
            for parent, _, names in os.walk(path):
                for name in names:
                    file(os.path.join(parent, name))
            if os.path.isfile(path):
                file(path)
        for applet in applets:
            link(f"usr/bin/{applet}", "busybox")
    return target.getvalue()


def inside(path):
    """Where a file of this machine goes in the image: below usr/ for what Debian links."""
    name = os.path.normpath(path).lstrip("/")
    first = name.split("/", 1)[0]
    return f"usr/{name}" if first in ("bin", "sbin", "lib", "lib64") else name
