"""The search itself: the driver, and one file per way to run its jobs: local, or ray_cluster with pool and ray_tune."""
