"""Runs on a lab host: what dnf itself would install, for many cases in one process.

Reads {"cases": [...], "cache": FOLDER} on stdin, prints one JSON line for each case. Has nothing of staithe.
dnf is set up as this command line would do it (a test compares the two):
dnf --setopt=install_weak_deps=0 --setopt=best=1 --exclude='*.i?86' [--installroot=EMPTY] install NAMES
"""

import json
import pathlib
import shutil
import sys
import tempfile

import dnf
import dnf.exceptions


def configured(case, cache, root):
    base = dnf.Base()
    conf = base.conf
    conf.read("/etc/dnf/dnf.conf")
    conf.reposdir = []
    conf.pluginpath = []
    conf.cachedir = cache
    conf.install_weak_deps = False
    conf.best = True
    conf.excludepkgs = ["*.i?86"]
    conf.module_platform_id = case["platform"]
    if case["clean"]:
        conf.installroot = root
        conf.substitutions["releasever"] = "9"
    for repo in case["repos"]:
        base.repos.add_new_repo(
            repo["id"],
            conf,
            baseurl=["file://" + repo["folder"]],
            priority=repo["priority"],
            cost=repo["cost"],
            module_hotfixes=repo["module_hotfixes"],
        )
    return base


def solved(case, cache, root):
    base = configured(case, cache, root)
    try:
        base.fill_sack(load_system_repo="auto")
        missing = []
        for name in case["names"]:
            try:
                base.install(name)
            except dnf.exceptions.MarkingError as error:
                missing.append(str(error))
        if missing:
            return {"refused": "; ".join(missing)}
        base.resolve(allow_erasing=False)
        return {"packages": sorted(f"{nevra(one)}@{one.reponame}" for one in base.transaction.install_set)}
    except dnf.exceptions.Error as error:
        return {"refused": str(error)}
    finally:
        base.close()


def nevra(package):
    return f"{package.name}-{package.epoch}:{package.version}-{package.release}.{package.arch}"


def main():
    work = json.load(sys.stdin)
    for number, case in enumerate(work["cases"]):
        cache = str(pathlib.Path(work["cache"], str(number)))
        pathlib.Path(cache).mkdir(parents=True)
        root = tempfile.mkdtemp()
        try:
            print(json.dumps(solved(case, cache, root)), flush=True)
        finally:
            shutil.rmtree(root)
            shutil.rmtree(cache)


if __name__ == "__main__":
    main()
