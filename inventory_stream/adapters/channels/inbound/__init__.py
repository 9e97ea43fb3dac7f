"""What channels tell, verified and read: one `Listener` per kind of channel."""
