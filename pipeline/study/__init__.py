"""Is the gain real? Seeds, a control, labels people checked, and noise put in on purpose."""
