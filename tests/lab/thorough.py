"""What `make test` runs of the long lists of cases with packages; `make test-thorough` runs the others too.

Each of the others differs from one of these by its source, its direction, or the moment of the blow alone. All of
them together take more than half an hour on two cores.
"""

from __future__ import annotations

from collections.abc import Iterable

# {file: tests that are part of every run}
ALWAYS = {
    "test_package_matrix": (
        "test_fresh_and_the_same_again[repository]",
        "test_fresh_and_the_same_again[rpm-bundle]",
        "test_another_minor_release[repository-upgrade]",
        "test_another_minor_release[rpm-bundle-downgrade]",
        "test_removed_and_installed_again[repository]",
        "test_containers_over_patch_and_minor_releases[repository]",
        "test_distribution_key_that_rpm_does_not_know_yet",
    ),
    "test_moves": (
        "test_the_round_has_every_move",
        "test_moves_between_sources[rpm-bundle-static-bundle]",
        "test_moves_between_sources[static-bundle-repository]",
        "test_each_origin_is_taken_over",
        "test_engines_of_others_are_taken_over_with_consent[script-repository]",
    ),
    "test_package_rollback": (
        "test_engine_with_a_fault_gives_way_to_the_former[repository-exits]",
        "test_engine_with_a_fault_gives_way_to_the_former[static-bundle-dies]",
        "test_back_and_forward_by_command[repository]",
    ),
    "test_package_failures": (
        "test_packages_that_are_not_right[unsigned]",
        "test_key_with_another_fingerprint",
        "test_repository_that_goes_in_the_middle_of_a_download",
        "test_killed_upgrade_out_of_a_repository[dnf in the middle of the files]",
        "test_next_run_goes_on_after_one_that_was_cut_off[reboot]",
    ),
    "test_rpm_alone": (
        "test_life_of_an_engine_without_dnf",
        "test_only_what_a_key_of_the_bundle_signed_goes_in[None-False]",
    ),
    # Only there: it fetches dnf 5 and its libraries, 30 MiB.
    "test_dnf5": (),
    "test_supply": ("test_the_server_misbehaves_as_it_is_told",),
}


def is_thorough(file: str, test: str) -> bool:
    """Tell whether a test is left to `make test-thorough`. `file`: its stem; `test`: its name with parameters."""
    return file in ALWAYS and test not in ALWAYS[file]


def unknown_names(collected: Iterable[tuple[str, str]]) -> list[str]:
    """Return what is named above and no test is called: renamed, it would be left out of `make test` unseen.

    `collected`: (file, test) of all tests of whole files; a file of which none was collected is not looked at.
    """
    found = set(collected)
    files = {file for file, _ in found} & ALWAYS.keys()
    return [f"{file}::{test}" for file in sorted(files) for test in ALWAYS[file] if (file, test) not in found]
