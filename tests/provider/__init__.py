"""A real OpenID Connect provider (npm `oidc-provider`) on loopback, in memory, as the tests want it."""
