"""Records a release: writes down which image of a service is live, once it is."""
