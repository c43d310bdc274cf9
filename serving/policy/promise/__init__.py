"""What a policy promises of the items that go without a person, and what is at stake with each."""
