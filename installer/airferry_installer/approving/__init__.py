"""Policy, requests and approvals: who may let a plan be applied."""
