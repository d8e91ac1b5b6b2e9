"""The builds of a Jenkins, from its REST API or from saved answers."""
