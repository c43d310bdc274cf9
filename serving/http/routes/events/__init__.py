"""Events for those who poll, and the webhooks to which they are sent: API and page."""
