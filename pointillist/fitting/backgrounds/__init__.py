"""Methods that tell what each pixel reads without a molecule, their parameters and their identifiers."""
