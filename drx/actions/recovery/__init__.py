"""What actions that restore share: the base and moment to begin with, the chain, the proof."""
