"""A Ray cluster of one-CPU nodes on loopback: python -m tests.compute.ray_cluster NODES

Prints its address. A line on stdin kills the last node; the end of stdin ends the others.
"""

import sys

from ray.cluster_utils import Cluster

OPTIONS = {"num_cpus": 1, "object_store_memory": 100_000_000}

cluster = Cluster(initialize_head=True, head_node_args=OPTIONS | {"include_dashboard": False})
nodes = [cluster.add_node(**OPTIONS) for _ in range(int(sys.argv[1]) - 1)]
print(cluster.address, flush=True)
for _ in sys.stdin:
    cluster.remove_node(nodes.pop(), allow_graceful=False)
    print("killed", flush=True)
cluster.shutdown()
