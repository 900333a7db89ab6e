"""Owns which files an agent can use in its sandbox without a permission: what any Python program needs, and no secrets.

Neither `/tmp` nor `/dev/shm` nor the programs in `/usr/bin` are among them.
"""

from __future__ import annotations

import glob
import os
import re
import sys

DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
"""They can be written, too."""

_SYSTEM = (
    *("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib", "/nix/store"),
    *("/usr/share", "/usr/local/share"),
    *("/proc/self", "/proc/cpuinfo", "/proc/filesystems", "/proc/loadavg", "/proc/meminfo", "/proc/stat"),
    *("/proc/sys", "/proc/uptime", "/proc/version", "/sys/devices/system", "/sys/fs/cgroup"),
)
_SETTINGS = (
    *("ca-certificates/extracted", "crypto-policies", "pki/ca-trust/extracted", "pki/tls/certs", "pki/tls/openssl.cnf"),
    *("ssl/certs", "ssl/cert.pem", "ssl/openssl.cnf"),
    *("gai.conf", "host.conf", "hosts", "nsswitch.conf", "protocols", "resolv.conf", "services"),
    *("group", "passwd", "ld.so.cache", "localtime", "mime.types", "os-release", "python3*", "timezone"),
)
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
_SHARED_PREFIXES = ("/", "/usr", "/usr/local")


def readable() -> list[str]:
    """The system's libraries, certificates and names; the interpreter and its environment."""
    found = [*_SYSTEM, *(path for name in _SETTINGS for path in glob.glob(f"/etc/{name}"))]
    found += [os.environ[name] for name in _CERTIFICATES if os.environ.get(name)]
    # What has set the resolver up replaces its file as a whole: its directory shows the next one too.
    resolver = os.path.realpath("/etc/resolv.conf")
    if resolver.startswith("/run/"):
        found.append(os.path.dirname(resolver))
    found += [path for path in (sys.prefix, sys.base_prefix) if path not in _SHARED_PREFIXES]
    found += [path for path in sys.path if os.path.isabs(path)]
    return [path for path in dict.fromkeys(found) if os.path.exists(path)]


def interpreter() -> list[str]:
    """The files that the kernel executes when this interpreter is started once more."""
    executables = {os.path.realpath(path) for path in (sys.executable, getattr(sys, "_base_executable", "")) if path}
    loaders = {os.path.realpath(loader) for path in executables if (loader := _loader(path))}
    return sorted(executables | loaders)


def _loader(path: str) -> str | None:
    """The program that loads the libraries of this one, as it says itself near its beginning."""
    try:
        with open(path, "rb") as file:
            named = re.search(rb"(/[^\0]*/ld[^\0/]*\.so[^\0/]*)\0", file.read(64 * 1024))
    except OSError:
        return None
    return os.fsdecode(named[1]) if named else None
