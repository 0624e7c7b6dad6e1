"""Graph -> Graph, or Graph -> facts. One file each; a pass never changes the graph it is given."""
