"""The phone's own libraries on this computer: where they come from, and what makes them run here."""
