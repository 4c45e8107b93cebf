"""The parts of the report that are no claims of their own, one file each; PARTS are shown in their order."""
