"""Every operation on templates, and what they are made from, by the vendor's client.

`runapy_templates.py URL CLIENT_ID CLIENT_SECRET PROJECT_ID NAME` is run where `import runai` gives
one version of it, and prints what it saw as JSON.
"""

import json
import sys
from typing import Any

from runai import models
from runai.api_client import ApiClient
from runai.configuration import Configuration
from runai.exceptions import NotFoundException
from runai.runai_client import RunaiClient


def main(url: str, client_id: str, secret: str, project_id: str, name: str) -> dict[str, Any]:
    """What was seen on the way."""
    configuration = Configuration(client_id=client_id, client_secret=secret, runai_base_url=url)
    client = RunaiClient(ApiClient(configuration))
    assets = client.workload_assets
    meta = models.AssetCreationRequest(
        name=name,
        scope="project",
        project_id=int(project_id),
        workload_supported_types=models.WorkloadSupportedTypes(inference=True, workspace=False),
    )
    port = {"toolType": "custom", "connectionType": "ServingPort", "containerPort": 8000}
    environment = assets.environment.create_environment_asset(
        {
            "meta": meta.to_dict(),
            "spec": {
                "image": "host/canary",
                "connections": [{"name": "api", "internalToolInfo": port}],
            },
        }
    ).data
    compute = assets.compute.create_compute_asset(
        {"meta": meta.to_dict(), "spec": {"cpuCoreRequest": 0.1}}
    ).data
    spec = models.SpecificRunCreationFields(
        assets=models.AssetsIds(
            environment=environment["meta"]["id"], compute=compute["meta"]["id"]
        ),
        specific_env=models.SpecificRunParams(
            args="--verbose",
            labels=[models.Label(name="team", value="vision")],
            environment_variables=[models.EnvironmentVariableOfAsset(name="LEVEL", value="info")],
            connections=[models.SpecificRunConnectionInfo(name="api")],
            priority_class="high",
        ),
    )
    template = assets.template
    created = template.create_template(
        workload_template_creation_request=models.WorkloadTemplateCreationRequest(
            meta=meta, spec=spec
        )
    ).data
    template_id = created["meta"]["id"]
    seen = {
        "created": created,
        "shown": template.get_template_by_id(template_id).data,
        "listed": template.list_templates(
            name=name,
            scope="project",
            project_id=int(project_id),
            is_workspace=False,
        ).data,
        "used": assets.compute.get_compute_asset_by_id(compute["meta"]["id"], usage_info=True).data,
    }
    spec.specific_env.args = None
    seen["changed"] = template.update_template(
        template_id,
        workload_template_update_request=models.WorkloadTemplateUpdateRequest(
            meta=models.AssetUpdateRequest(name=f"{name}-2", description="changed"), spec=spec
        ),
    ).data
    seen["deleted"] = template.delete_template_by_id(template_id).data
    try:
        template.get_template_by_id(template_id)
    except NotFoundException as error:
        seen["gone"] = error.status
    return seen


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
