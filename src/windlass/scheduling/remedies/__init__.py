"""What would make a waiting workload run.

`search` tries changes and combines them; the changes there are stand in `workload_changes`,
`queue_changes` and `node_changes`.
"""

from windlass.scheduling.remedies.search import MOST_PLANS, MOST_TOGETHER, Remedy, remedies
from windlass.scheduling.remedies.steps import RemedyKind

__all__ = ["MOST_PLANS", "MOST_TOGETHER", "Remedy", "RemedyKind", "remedies"]
