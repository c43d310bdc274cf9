"""What `regrade doctor` looks at: the machine, the installation, and a service over the network."""
