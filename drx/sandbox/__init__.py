"""Real servers on loopback to practise on, and PixelCraft to run on them. Never touches anything it did not start."""
