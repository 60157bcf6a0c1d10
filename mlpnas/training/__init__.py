"""The training of networks: recipe, loop, augmentation, schedule, and the choice of a proxy."""
