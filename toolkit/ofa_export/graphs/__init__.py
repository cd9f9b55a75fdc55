"""The device graphs: small modules with named inputs and outputs, cut from the reference."""
