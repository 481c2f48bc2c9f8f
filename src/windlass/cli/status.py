"""`windlass status`: the platform itself, in one screen."""

import time
from collections.abc import Iterator
from pathlib import Path

from windlass.cli.output import print_facts, print_json, print_table, warn
from windlass.cli.target import client_of
from windlass.cli.wording import age, byte_size, count_of, duration, number
from windlass.client.types import Platform, PlatformContainers, PlatformDevice, PlatformTls
from windlass.kit.timestamps import from_wire

_DAY_SECONDS = 86_400.0
_SOON_DAYS = 14


def run(data_dir: Path, as_json: bool) -> int:
    """Print the platform's state. 1 when a part of it is down, else 0."""
    with client_of(data_dir) as client:
        platform = client.platform()
        url = client.url
    if as_json:
        print_json({"url": url, **platform})
    else:
        _print(platform, url)
    complaints = list(_complaints(platform))
    for complaint in complaints:
        warn(complaint)
    return 1 if complaints else 0


def _print(platform: Platform, url: str) -> None:
    engine, gateway = platform["engine"], platform["gateway"]
    controllers = platform["controllers"]
    running = "running" if controllers["running"] else "down"
    print_facts(
        [
            (
                "Windlass",
                f"{platform['version']}, up for {age(platform['startedAt'], time.time())}",
            ),
            ("API", url),
            ("Gateway", gateway["url"]),
            ("Internal gateway", gateway["internalUrl"]),
            *_tls_facts(platform.get("tls")),
            ("Data", platform["dataDir"]),
            ("Database", platform["database"]),
            ("Cluster", platform["clusterId"]),
        ]
    )
    print()
    print_table(
        ("PART", "STATE"),
        [
            ("controllers", running),
            ("gateway (Envoy)", gateway["envoy"]),
            ("gateway's gate", gateway["gate"]),
        ],
    )
    print()
    cores = number(engine["cpuMillicores"] / 1000)
    print_facts(
        [
            ("Engine", engine["name"]),
            ("Node", f"{engine['node']}: {cores} CPU cores, {byte_size(engine['memoryBytes'])}"),
            ("Trust", engine["trust"]),
            ("Limits", engine["limits"]),
            ("Host images", ", ".join(engine["hostImages"]) or "none"),
        ]
    )
    print()
    _print_containers(engine.get("containers"))
    _print_devices(engine["devices"])


def _tls_facts(tls: PlatformTls | None) -> list[tuple[str, str]]:
    if tls is None:
        return []
    origin = "self-signed, " if tls["selfSigned"] else ""
    names = ", ".join(tls["names"]) or "no name"
    return [
        ("Certificate", f"{origin}until {tls['endsAt']}, serial number {tls['serialNumber']}"),
        ("Certificate of", names),
        ("Certificate in", tls["certificateFile"]),
    ]


def _print_containers(containers: PlatformContainers | None) -> None:
    if containers is None or not containers["wanted"]:
        return
    if containers["engine"] is None:
        print(f"No container engine: {containers['problem']}.")
        print("Ordinary images are refused until there is one.\n")
        return
    stored = containers.get("imageBytes")
    rootless = ", rootless" if containers["rootless"] else ""
    answers = "" if containers["problem"] is None else " (does not answer)"
    print_facts(
        [
            ("Containers", f"{containers['engine']} {containers['version']}{rootless}{answers}"),
            ("Engine at", containers["url"]),
            ("Storage", containers["storage"]),
            ("Images", "unknown" if stored is None else byte_size(stored)),
            ("Limits", containers["limits"]),
        ]
    )
    print()


def _print_devices(devices: list[PlatformDevice]) -> None:
    if not devices:
        print("No GPU.")
        return
    simulated = sum(device["simulated"] for device in devices)
    if simulated:
        print(f"{count_of(simulated, 'GPU')} simulated: declared, not there.")
    print_table(
        ("GPU", "MODEL", "MEMORY", "GIVEN OUT"),
        [
            (
                device["id"],
                device["model"] + (" (simulated)" if device["simulated"] else ""),
                byte_size(device["memoryBytes"]),
                f"{device['portionAllocated']:.0%}",
            )
            for device in devices
        ],
    )


def _complaints(platform: Platform) -> Iterator[str]:
    gateway = platform["gateway"]
    log = f"Its log is under {platform['dataDir']}."
    if gateway["envoy"] == "down":
        yield f"Envoy is down: no request reaches a workload until it is back. {log}"
    if gateway["gate"] != "running":
        yield f"The gate is down: Envoy serves the routes it has, but none can change. {log}"
    if not platform["controllers"]["running"]:
        yield "The controllers are not running: requests are kept, but nothing is started or ended."
    containers = platform["engine"].get("containers")
    if containers and containers["engine"] is not None and containers["problem"] is not None:
        yield (
            f"The container engine does not answer: {containers['problem']}. Containers go on, but "
            "none can be started."
        )
    if containers and (warning := containers.get("warning")):
        yield f"{warning}."
    if tls := platform.get("tls"):
        yield from _tls_complaints(tls)
    problem = platform["engine"].get("hostImagesError")
    if problem:
        yield f"The file of host images cannot be used: {problem}"


def _tls_complaints(tls: PlatformTls) -> Iterator[str]:
    if tls["problem"] is not None:
        yield f"The new certificate is not used, the former goes on being shown: {tls['problem']}."
    if tls["atGateway"] is False:
        yield "The gateway shows another certificate than the API: it has not taken the new one."
    left = from_wire(tls["endsAt"]) - time.time()
    if left <= 0:
        yield f"The certificate ended on {tls['endsAt']}: clients refuse it. Renew it."
    elif left < _SOON_DAYS * _DAY_SECONDS:
        yield f"The certificate ends in {duration(left)}. Renew it."
