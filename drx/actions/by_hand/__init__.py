"""What a person types into stock tools where drx is gone. Runs nothing."""
