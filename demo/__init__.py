"""The tour: a server and machines in a lab of network namespaces, as a user would drive them."""
