"""The vendor's client over TLS: `runapy_tls.py ADMIN_JSON AUTHORITY_FILE`; prints the clusters."""

import json
import sys
from pathlib import Path
from typing import Any

from runai.api_client import ApiClient
from runai.configuration import Configuration
from runai.runai_client import RunaiClient


def main(administrator: Path, authority: str) -> Any:
    """The clusters there are."""
    known = json.loads(administrator.read_text())
    configuration = Configuration(
        client_id=known["client_id"],
        client_secret=known["client_secret"],
        runai_base_url=known["url"],
    )
    configuration.ssl_ca_cert = authority
    client = RunaiClient(ApiClient(configuration))
    return client.organizations.clusters.get_clusters().data


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2])))
