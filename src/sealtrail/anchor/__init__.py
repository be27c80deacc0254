"""What vouches for a trail from outside its folder: copies of its checkpoints, and who keeps them."""
