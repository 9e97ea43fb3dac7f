"""The Redis projection that storefronts read."""
