"""How a network is trained: recipe, loop, augmentation, schedule, and the choice of a proxy."""
