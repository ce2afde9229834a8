"""The image repository, and the pointer to the image that is live."""
