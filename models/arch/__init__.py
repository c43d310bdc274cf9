"""Networks in PyTorch, for training alone; serving never imports this."""
