"""Every maximum of the Python side, with its reason. A queue, list, table, retry or timer names one of these."""

# --- documents (trust) ---
DOCUMENT_MAX_BYTES = 64 * 1024  # a policy of thousands of rules fits; a hostile one costs milliseconds to refuse
DOCUMENT_MAX_DEPTH = 16  # deepest document of ours nests 5; beyond 16 only recursion attacks live

# --- control session (protocol) ---
UNPROVEN_MAX_BYTES = 4 * 1024  # what a stranger may make us hold before it proved a key
UNPROVEN_MAX_S = 10.0  # and for how long

# --- server ---

# --- node ---

# --- cli ---
