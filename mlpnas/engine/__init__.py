"""The search itself: the driver, and one file per way to run its jobs (local, ray_tune; pool serves the second)."""
