"""Planning of a run: data, recipe, devices, limits; everything that its manifest records."""
