"""What each role may see: the policy, and what answers keep to themselves. Nothing here knows of networks."""
