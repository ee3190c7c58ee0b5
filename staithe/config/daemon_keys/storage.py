"""daemon.json: where data lies, and the build cache."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field

from staithe.config.daemon_keys.dashed import Dashed, key
from staithe.config.section import Section
from staithe.config.values import AbsolutePath, Expects, KeyValue, Size, mistake, unexpected

_DRIVERS = ("overlay2", "overlayfs", "fuse-overlayfs", "btrfs", "zfs", "vfs", "native", "stargz")
_REMOVED_DRIVERS = ("aufs", "overlay", "devicemapper")


def _check_driver(value: str) -> str:
    if value in _REMOVED_DRIVERS:
        raise mistake(f"the storage driver {value} was removed from the engine; use overlay2")
    if value not in _DRIVERS:
        raise unexpected("one of " + ", ".join(_DRIVERS))
    return value


# The engine takes its data-root for itself: owner root, mode 0710. Nobody else would get in there any more.
_SHARED_TOPS = (
    *("bin", "boot", "dev", "etc", "home", "lib", "lib64", "media", "mnt", "opt"),
    *("proc", "root", "run", "sbin", "srv", "sys", "tmp", "usr", "var"),
)
_SHARED_FOLDERS = {
    "/",
    *(f"/{name}" for name in _SHARED_TOPS),
    *(f"/var/{name}" for name in ("lib", "log", "tmp", "lib/containerd", "lib/staithe")),
}


def _check_data_root(value: str) -> str:
    if (value.rstrip("/") or "/") in _SHARED_FOLDERS:
        raise unexpected("a folder of the engine's own, such as /data/docker")
    return value


class GcRule(Section):
    """One rule of the build cache's garbage collection."""

    model_config = ConfigDict(alias_generator=None)

    all: bool | None = Field(default=None, description="Any kind of record.")
    filter: tuple[KeyValue, ...] | None = Field(
        default=None, description="Which records.", examples=[["type=source.local"]]
    )
    reserved_space: Size | None = Field(default=None, alias="reservedSpace", description="Never below this.")
    max_used_space: Size | None = Field(default=None, alias="maxUsedSpace", description="Never above this.")
    min_free_space: Size | None = Field(
        default=None, alias="minFreeSpace", description="Keep this much of the disk free."
    )
    keep_storage: Size | None = Field(default=None, alias="keepStorage", description="Old name of reservedSpace.")


class BuilderGc(Section):
    """Garbage collection of the build cache."""

    enabled: bool | None = Field(default=None, description="False: the build cache grows without limit.")
    policy: tuple[GcRule, ...] | None = Field(default=None, description="Rules, the first ones first.")
    default_reserved_space: Size | None = Field(
        default=None, alias="defaultReservedSpace", description="Never below this.", examples=["20GB"]
    )
    default_max_used_space: Size | None = Field(
        default=None, alias="defaultMaxUsedSpace", description="Never above this.", examples=["100GB"]
    )
    default_min_free_space: Size | None = Field(
        default=None, alias="defaultMinFreeSpace", description="Keep this much of the disk free.", examples=["50GB"]
    )
    default_keep_storage: Size | None = Field(
        default=None, alias="defaultKeepStorage", description="Old name of defaultReservedSpace.", examples=["20GB"]
    )


class Builder(Section):
    """The engine's builder."""

    gc: BuilderGc | None = Field(default=None, description="Garbage collection of the build cache.")
    entitlements: dict[str, bool] | None = Field(
        default=None,
        description="What builds may ask for.",
        examples=[{"network-host": True, "security-insecure": False}],
    )
    history: dict[str, Any] | None = Field(
        default=None, description="How long build records are kept: maxAge, maxEntries."
    )


class StorageKeys(Dashed):
    """Images, volumes and the build cache on disk."""

    data_root: Annotated[AbsolutePath, AfterValidator(_check_data_root)] | None = key(
        "Folder of images, volumes and containers (the engine's own: /var/lib/docker). Changing it moves nothing: "
        "the engine starts empty there.",
        examples=["/data/docker"],
    )
    exec_root: AbsolutePath | None = key("Folder of run-time files (the engine's own: /var/run/docker).")
    storage_driver: Annotated[str, Expects(_check_driver, "one of " + ", ".join(_DRIVERS))] | None = key(
        "How layers are stacked (the engine's own choice is right almost everywhere).", examples=["overlay2"]
    )
    storage_opts: tuple[KeyValue, ...] | None = key(
        "Options of the storage driver.", examples=[["overlay2.size=20G"]]
    )
    builder: Builder | None = key("The builder: garbage collection of its cache, entitlements.")
